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

    /// The path, its percent escapes decoded: `/%61dmin/` is `/admin/`. What looks at paths sees them as routing does,
    /// and one that can't be decoded is refused before anyone sees it. [`uri`](Self::uri) has it as it was sent.
    pub fn path(&self) -> &str {
        match &self.path {
            Ok(path) => path.whole(),
            Err(_) => self.inner.uri().path(),
        }
    }

    /// The path for routing, or why there is none.
    pub(crate) fn decoded_path(&self) -> Result<&Path, PathError> {
        self.path.as_ref().map_err(|&error| error)
    }

    /// The first value of this name in the query, decoded; what is no UTF-8 in it becomes `U+FFFD`.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_bytes(name).map(|value| match value {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
    }

    /// The same before anyone has looked whether it is UTF-8.
    pub(crate) fn query_bytes(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.query_raw(name).next().map(decode)
    }

    /// All values of this name in the query, as they were sent.
    pub(crate) fn query_raw<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r str> {
        let pairs = self.inner.uri().query().unwrap_or_default().split('&');
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter(|(key, _)| *decode(key) == *name.as_bytes())
            .map(|(_, value)| value)
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
fn decode(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        return Cow::Owned(percent_decode_str(&text.replace('+', " ")).collect());
    }
    percent_decode_str(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_decoded_and_the_first_counts() {
        let inner =
            http::Request::get("/publish/a?event=new+dog%21&event=x&empty=&flag&a%2Bb=%ff").body(Bytes::new()).unwrap();
        let request = Request::new(inner, [192, 0, 2, 1].into(), ([192, 0, 2, 1], 4711).into());
        assert_eq!(request.query("event").as_deref(), Some("new dog!"));
        assert_eq!(request.query("empty").as_deref(), Some(""));
        assert_eq!(request.query("flag").as_deref(), Some(""));
        assert_eq!(request.query("a+b").as_deref(), Some("\u{FFFD}"));
        assert_eq!(request.query_bytes("a+b").as_deref(), Some(&[0xff][..]));
        assert_eq!(request.query("other"), None);
        assert_eq!(request.query_raw("event").collect::<Vec<_>>(), ["new+dog%21", "x"]);
    }
}
