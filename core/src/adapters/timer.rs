//! What sleeps for as long as it is told: the runtime's, since here is no clock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Makes what sleeps.
#[derive(Clone)]
pub(crate) struct Timer(Arc<dyn Fn(Duration) -> Sleep + Send + Sync>);

/// Ready when its time is over.
pub(crate) type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Timer {
    pub(crate) fn new<S>(sleep: impl Fn(Duration) -> S + Send + Sync + 'static) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |duration| Box::pin(sleep(duration))))
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        (self.0)(duration)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}
