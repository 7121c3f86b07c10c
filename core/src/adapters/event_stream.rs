//! A subscription as the body of an answer: with what a stream says beside its events, and with an end.
//!
//! ```text
//!   opening   the block with the id of the stream's place; or a comment, where there are no ids
//!   events    whole frames, as many as are ready
//!   comment   when nothing was sent for long
//!   end       when the reader is too far behind: its client comes back with its last id
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;

use crate::adapters::keepalive::{COMMENT, Keepalive};
use crate::adapters::timer::Timer;
use crate::reading::start::Start;
use crate::reading::subscription::Subscription;

/// What a stream begins with that has no ids: proxies and some clients show nothing of a stream before its first byte.
const OPENING: &[u8] = b":\n";

/// A reader this many bytes behind is not worth waiting for, unless other limits are given.
pub(crate) const MAX_LAG_BYTES: u64 = 1 << 20;

/// The body of an answer that is an event stream, beginning to end, in pieces that share the log's own bytes.
///
/// It is a `futures_core::Stream`, and with the feature `tower` an `http_body::Body`. It ends when its reader is too
/// [far behind](Self::with_max_lag), and always between two frames. The answer's head is to say what
/// [`http::STREAM_HEADERS`](crate::http::STREAM_HEADERS) says (feature `http`).
///
/// Without a [timer](Self::with_keepalive) it sends no keepalive comments: a proxy may then end a connection on which
/// nothing happens, and nobody notices a client that is gone.
///
/// ```
/// use std::pin::pin;
/// use std::task::{Context, Poll, Waker};
/// use futures_core::Stream;
/// use sse_core::{Event, EventStream, Filter, Hub, HubConfig};
///
/// let hub = Hub::new(HubConfig::default());
/// let mut stream = pin!(EventStream::new(hub.subscribe(Filter::parse("/pets")?, Waker::noop().clone())?));
/// hub.publish(&Event::new("/pets/dogs", "Corgi"))?;
///
/// let mut cx = Context::from_waker(Waker::noop());
/// assert_eq!(stream.as_mut().poll_next(&mut cx), Poll::Ready(Some(Ok(":\n".into()))));
/// assert_eq!(stream.as_mut().poll_next(&mut cx), Poll::Ready(Some(Ok("data:Corgi\n\n".into()))));
/// assert_eq!(stream.as_mut().poll_next(&mut cx), Poll::Pending);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct EventStream {
    /// `None`: it has ended.
    subscription: Option<Subscription>,
    start: Start,
    /// Whether nothing was sent yet.
    is_new: bool,
    max_lag_bytes: u64,
    keepalive: Option<Keepalive>,
}

impl EventStream {
    /// The stream of a subscription of which nothing was read. It wakes the task that polls it, whatever waker the
    /// subscription has been given.
    pub fn new(subscription: Subscription) -> Self {
        let start = subscription.start();
        let (is_new, keepalive) = (true, None);
        Self { subscription: Some(subscription), start, is_new, max_lag_bytes: MAX_LAG_BYTES, keepalive }
    }

    /// Sends a comment when nothing was sent for `period`. `sleep` is the runtime's, as `tokio::time::sleep`.
    pub fn with_keepalive<S>(self, period: Duration, sleep: impl Fn(Duration) -> S + Send + Sync + 'static) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        self.with_timer(period, Timer::new(sleep))
    }

    pub(crate) fn with_timer(self, period: Duration, timer: Timer) -> Self {
        Self { keepalive: Some(Keepalive::new(timer, period)), ..self }
    }

    /// Ends when the reader is more than this many bytes behind as it is polled. 1 MiB by default. The limit is to be
    /// larger than what is published in one go.
    pub fn with_max_lag(self, max_lag_bytes: u64) -> Self {
        Self { max_lag_bytes, ..self }
    }

    /// How it has begun, for the field `Sse-Resume` of the head.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start
    }

    /// Whether nothing more will come.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.subscription.is_none()
    }

    /// The next piece, or `None` at the end. What is asked of a subscription is asked here.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(subscription) = &mut self.subscription else { return Poll::Ready(None) };
        // The place between two frames is where it can end: all pieces are whole frames.
        if subscription.lag() > self.max_lag_bytes {
            self.subscription = None;
            return Poll::Ready(None);
        }
        if std::mem::take(&mut self.is_new) && !subscription.has_opening() {
            return Poll::Ready(Some(Bytes::from_static(OPENING)));
        }
        let bytes = match Pin::new(&mut *subscription).poll_next(cx) {
            Poll::Ready(Some(bytes)) => bytes,
            Poll::Ready(None) => {
                self.subscription = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {
                // Within a frame nothing else may be sent, and it is not silent there for long.
                let may_comment = subscription.at_frame_boundary();
                match self.keepalive.as_mut().map(|keepalive| keepalive.poll_silent(cx)) {
                    Some(Poll::Ready(())) if may_comment => Bytes::from_static(COMMENT),
                    _ => return Poll::Pending,
                }
            }
        };
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.note_sent();
        }
        Poll::Ready(Some(bytes))
    }
}

impl Stream for EventStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.get_mut().poll_bytes(cx).map(|bytes| bytes.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Waker;

    use proptest::prelude::*;

    use super::*;
    use crate::config::HubConfig;
    use crate::events::event::Event;
    use crate::hub::Hub;
    use crate::names::filter::Filter;

    fn hub(history_bytes: usize) -> Hub {
        Hub::new(HubConfig { epoch: Some(0xe), history_bytes, ..HubConfig::default() })
    }

    fn stream(hub: &Hub, last_event_id: Option<&str>) -> EventStream {
        let filter = Filter::parse("/a").unwrap();
        EventStream::new(hub.subscribe_with(&filter, last_event_id, |_| Waker::noop().clone()).unwrap())
    }

    /// All pieces that are ready, and whether the stream has ended.
    fn read(stream: &mut EventStream) -> (String, bool) {
        let mut read = String::new();
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match stream.poll_bytes(&mut cx) {
                Poll::Ready(Some(bytes)) => read += str::from_utf8(&bytes).unwrap(),
                Poll::Ready(None) => return (read, true),
                Poll::Pending => return (read, false),
            }
        }
    }

    #[test]
    fn it_begins_with_its_place_or_a_comment() {
        for (history_bytes, last_event_id, expected) in [
            (1 << 20, None, "id:e-1\n\n"),
            (1 << 20, Some("e-0"), "id:e-0\n\ndata:1\nid:e-1\n\n"),
            (0, Some("e-0"), ":\n"),
            (0, None, ":\n"),
        ] {
            let hub = hub(history_bytes);
            hub.publish(&Event::new("/a", "1")).unwrap();
            assert_eq!(read(&mut stream(&hub, last_event_id)), (expected.to_owned(), false));
        }
    }

    #[test]
    fn who_is_too_far_behind_comes_back_for_the_rest() {
        let hub = hub(1 << 20);
        let mut slow = stream(&hub, None).with_max_lag(100);
        let mut patient = stream(&hub, None).with_max_lag(u64::MAX);
        hub.publish(&Event::new("/a", "seen")).unwrap();
        assert_eq!(read(&mut slow), ("id:e-0\n\ndata:seen\nid:e-1\n\n".to_owned(), false));
        for _ in 0..8 {
            hub.publish(&Event::new("/a", "more")).unwrap();
        }
        assert_eq!(read(&mut slow), (String::new(), true));
        assert!(slow.is_ended() && read(&mut slow).1);
        // Nothing that it came back for counts as lag.
        let (rest, ended) = read(&mut stream(&hub, Some("e-1")).with_max_lag(100));
        assert_eq!((rest.matches("data:more\n").count(), ended), (8, false));
        assert_eq!(read(&mut patient).0.matches("data:").count(), 9);
    }

    /// Sleeps until a clock is put forward.
    fn with_clock(stream: EventStream, period: u64, clock: &Arc<AtomicU64>) -> EventStream {
        let clock = clock.clone();
        let now = move |clock: &AtomicU64| clock.load(Ordering::Relaxed); // one thread
        stream.with_keepalive(Duration::from_secs(period), move |duration| {
            let (clock, until) = (clock.clone(), now(&clock) + duration.as_secs());
            poll_fn(move |_| if now(&clock) >= until { Poll::Ready(()) } else { Poll::Pending })
        })
    }

    #[test]
    fn a_timer_that_does_not_sleep_makes_comments_and_no_loop() {
        let mut stream = stream(&hub(0), None).with_keepalive(Duration::ZERO, |_| std::future::ready(()));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(stream.poll_bytes(&mut cx), Poll::Ready(Some(Bytes::from_static(OPENING))));
        assert_eq!(stream.poll_bytes(&mut cx), Poll::Ready(Some(Bytes::from_static(COMMENT))));
    }

    proptest! {
        /// Whenever events come: no silence is longer than a period, comments come only in silence and between
        /// frames, and the rest is what was published.
        #[test]
        fn silence_has_an_end(pauses in prop::collection::vec(0u64..30, 0..40), history in any::<bool>()) {
            let (hub, clock, period) = (hub(if history { 1 << 20 } else { 0 }), Arc::new(AtomicU64::new(0)), 10);
            let mut stream = with_clock(stream(&hub, None), period, &clock);
            let mut sent = read(&mut stream).0;
            let (mut sent_at, mut comments, mut seconds) = (0, 0, 0);
            for (number, pause) in pauses.iter().chain([&100]).enumerate() {
                for _ in 0..*pause {
                    seconds += 1;
                    clock.store(seconds, Ordering::Relaxed); // one thread
                    let (bytes, _) = read(&mut stream);
                    if !bytes.is_empty() {
                        prop_assert_eq!(&bytes, ":keepalive\n");
                        prop_assert!(seconds - sent_at >= period / 2, "{sent_at} was not long before {seconds}");
                        (sent_at, comments) = (seconds, comments + 1);
                        sent += &bytes;
                    }
                    prop_assert!(seconds - sent_at < period, "silent from {sent_at} to {seconds}");
                }
                hub.publish(&Event::new("/a", &number.to_string())).unwrap();
                sent += &read(&mut stream).0;
                sent_at = seconds;
            }
            prop_assert!((9..=seconds / period).contains(&comments), "{comments} comments in {seconds} s");
            let data: Vec<_> = sent.lines().filter_map(|line| line.strip_prefix("data:")).collect();
            let expected: Vec<_> = (0..=pauses.len()).map(|number| number.to_string()).collect();
            prop_assert_eq!(data, expected);
            for block in sent.replace(":keepalive\n", "").split_terminator("\n\n") {
                prop_assert!(block.lines().count() <= 3, "{block:?}");
            }
        }
    }
}
