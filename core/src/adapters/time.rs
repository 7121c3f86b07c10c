//! The time as a hub is told it: by a runtime that sleeps, since here is no clock.

use std::future::Future;
use std::time::Duration;

use crate::hub::Hub;

/// How often a hub is told the time.
const ROUND: Duration = Duration::from_secs(1);

/// Tells a hub the time once a second, for ever, as [`Hub::tick`] wants it: for a task of its own. `sleep` is the
/// runtime's, as `tokio::time::sleep`.
///
/// ```ignore
/// tokio::spawn(sse_core::keep_time(hub.clone(), tokio::time::sleep));
/// ```
///
/// A sleep lasts at least as long as it is told to, so the hub's time never runs ahead: what it keeps for a while is
/// kept a little longer.
pub async fn keep_time<S: Future<Output = ()>>(hub: Hub, sleep: impl Fn(Duration) -> S) {
    let mut now = Duration::ZERO;
    loop {
        sleep(ROUND).await;
        now = now.saturating_add(ROUND);
        hub.tick(now);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::future::{pending, ready};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::config::HubConfig;
    use crate::events::event::Event;
    use crate::names::filter::Filter;
    use crate::reading::start::Start;

    #[test]
    fn what_is_old_goes_when_its_time_is_over() {
        let history_age = Duration::from_secs(3);
        let config = HubConfig { epoch: Some(0xe), history_bytes: 1 << 20, history_age, ..HubConfig::default() };
        let resumes_after = |seconds: usize| {
            let hub = Hub::new(config.clone());
            hub.tick(Duration::ZERO);
            hub.publish(&Event::new("/a", "x")).unwrap();
            let slept = AtomicUsize::new(0);
            let sleep = |duration: Duration| -> Pin<Box<dyn Future<Output = ()>>> {
                assert_eq!(duration, ROUND);
                match slept.fetch_add(1, Ordering::Relaxed) < seconds {
                    true => Box::pin(ready(())),
                    false => Box::pin(pending()),
                }
            };
            let mut time = std::pin::pin!(keep_time(hub.clone(), sleep));
            assert_eq!(time.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
            hub.resume(Filter::parse("/a").unwrap(), "e-0", Waker::noop().clone()).unwrap().start() == Start::Exact
        };
        assert!(resumes_after(1));
        assert!(!resumes_after(10));
    }
}
