//! A request as middleware and handlers see it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;

use crate::path::{Path, PathError};

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
        self.query_raw(name).map(decode)
    }

    /// All values of any of these names, in the order of the query.
    pub(crate) fn query_of<'r>(&'r self, names: &'r [&str]) -> impl Iterator<Item = Cow<'r, str>> {
        self.query_pairs().filter(|(key, _)| names.contains(&&*decode(key))).map(|(_, value)| decode(value))
    }

    /// All values of this name, as they were sent.
    pub(crate) fn query_raw<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.query_pairs().filter(move |(key, _)| *decode(key) == *name).map(|(_, value)| value)
    }

    /// The names of all parameters, decoded.
    pub(crate) fn query_names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.query_pairs().map(|(key, _)| decode(key))
    }

    /// Names and values as they were sent.
    fn query_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.inner.uri().query().unwrap_or_default().split('&');
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
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

/// As `application/x-www-form-urlencoded` has it: `+` is a space.
fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_decoded_and_none_is_hidden() {
        let inner =
            http::Request::get("/publish/a?event=new+dog%21&event=x&empty=&flag&a%2Bb=%ff").body(Bytes::new()).unwrap();
        let request = Request::new(inner, [192, 0, 2, 1].into(), ([192, 0, 2, 1], 4711).into());
        let values = |name| request.query(name).collect::<Vec<_>>();
        assert_eq!(values("event"), ["new dog!", "x"]);
        assert_eq!(values("empty"), [""]);
        assert_eq!(values("flag"), [""]);
        assert_eq!(values("a+b"), ["\u{FFFD}"]);
        assert!(values("other").is_empty());
        assert_eq!(request.query_raw("event").collect::<Vec<_>>(), ["new+dog%21", "x"]);
        assert_eq!(request.query_names().collect::<Vec<_>>(), ["event", "event", "empty", "flag", "a+b"]);
    }
}
