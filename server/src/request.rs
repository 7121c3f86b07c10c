//! A request as middleware and handlers see it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use sse_core::http::{self as requests, Path, PathError, Query};

/// A request and who sent it.
#[derive(Debug)]
pub struct Request {
    inner: http::Request<Bytes>,
    path: Result<Path, PathError>,
    client: IpAddr,
    peer: SocketAddr,
}

impl Request {
    pub(crate) fn new(inner: http::Request<Bytes>, client: IpAddr, peer: SocketAddr) -> Request {
        let path = Path::decode(inner.uri().path());
        Request { inner, path, client, peer }
    }

    /// The method. A handler of `GET` also gets `HEAD`; its answer's body is then left out.
    pub fn method(&self) -> &Method {
        self.inner.method()
    }

    /// The target as it was sent.
    pub fn uri(&self) -> &Uri {
        self.inner.uri()
    }

    /// The path, its percent escapes decoded, without a slash at its end: `/%61dmin/` is `/admin`, and the root is `/`. What
    /// looks at paths sees them as routing does, and one that can't be decoded is refused before anyone sees it.
    /// [`uri`](Self::uri) has it as it was sent.
    pub fn path(&self) -> &str {
        match &self.path {
            Ok(path) => path.as_str(),
            Err(_) => self.inner.uri().path(),
        }
    }

    /// The path for routing, or why there is none.
    pub(crate) fn decoded_path(&self) -> Result<&Path, PathError> {
        self.path.as_ref().map_err(|&error| error)
    }

    /// All values of this name in the query, in their order, decoded; what is no UTF-8 in them becomes `U+FFFD`. A client
    /// may repeat a parameter, and subscriptions take every `namespace`: what decides by a parameter must look at all of
    /// its values.
    pub fn query<'r>(&'r self, name: &'r str) -> impl Iterator<Item = Cow<'r, str>> {
        self.parameters().values(name)
    }

    /// The parameters of the query.
    pub(crate) fn parameters(&self) -> Query<'_> {
        Query::of(self.inner.uri())
    }

    /// After which event a stream is to begin.
    pub(crate) fn last_event_id(&self) -> Option<Box<str>> {
        requests::last_event_id(self.headers(), self.parameters())
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The first header of this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The body: empty unless one was sent, to a path and method that take one. What nothing here would read (an unknown
    /// path, say) is not read, so middleware doesn't see it either.
    pub fn body(&self) -> &Bytes {
        self.inner.body()
    }

    /// The client's address: the peer's, or what trusted proxies say it is.
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// The other end of the connection: the client, or the proxy nearest to us.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }
}
