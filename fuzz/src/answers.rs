//! The answers on an HTTP/1.1 connection, as a client reads them (RFC 9112).

use crate::chunked;

/// One final answer. Interim ones are read past.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Nothing comes after it on this connection.
    pub closes: bool,
    pub body: Vec<u8>,
}

/// All answers on the wire, in order. `to_head`: which of them answer a `HEAD`. `None`: they are not well-formed, not
/// whole, or not as many as there are questions.
pub fn read(wire: &[u8], to_head: &[bool]) -> Option<Vec<Answer>> {
    let mut rest = wire;
    let mut answers: Vec<Answer> = Vec::new();
    while !rest.is_empty() {
        if answers.last().is_some_and(|answer| answer.closes) {
            return None;
        }
        let head = Head::take(&mut rest)?;
        if (100..200).contains(&head.status) {
            continue;
        }
        let to_head = *to_head.get(answers.len())?;
        let body = head.take_body(to_head, &mut rest)?;
        answers.push(Answer { status: head.status, closes: head.field("connection")? == Some("close"), body });
    }
    (answers.len() == to_head.len()).then_some(answers)
}

struct Head<'a> {
    status: u16,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Head<'a> {
    fn take(rest: &mut &'a [u8]) -> Option<Head<'a>> {
        let end = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let (head, after) = (str::from_utf8(&rest[..end]).ok()?, &rest[end + 4..]);
        *rest = after;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?;
        let (status, reason) = status.split_at_checked(3)?;
        reason.strip_prefix(' ')?;
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ")?;
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (is_name && !value.contains(char::is_control)).then_some((name, value))
        });
        Some(Head { status: status.parse().ok()?, fields: fields.collect::<Option<_>>()? })
    }

    /// A field that may come once at most.
    fn field(&self, name: &str) -> Option<Option<&'a str>> {
        let mut values = self.fields.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| *value);
        values.next().is_none().then_some(value)
    }

    /// RFC 9112 §6.3.
    fn take_body(&self, to_head: bool, rest: &mut &'a [u8]) -> Option<Vec<u8>> {
        let length = match (self.field("content-length")?, self.field("transfer-encoding")?) {
            (Some(_), Some(_)) => return None,
            (Some(_), None) if self.status == 204 => return None,
            _ if to_head || self.status == 204 || self.status == 304 => 0,
            (Some(length), None) => length.parse().ok()?,
            (None, Some("chunked")) => {
                let (body, length) = chunked::decode(rest)?;
                *rest = &rest[length..];
                return Some(body);
            }
            (None, Some(_)) => return None,
            (None, None) if self.field("connection")? == Some("close") => rest.len(),
            (None, None) => return None,
        };
        let (body, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(body.to_vec())
    }
}

#[test]
fn examples() {
    let wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\
                 HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\
                 HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let answer = |body: &[u8], closes| Answer { status: 200, closes, body: body.to_vec() };
    let expected = [answer(b"hi", false), answer(b"", false), answer(b"x", true)];
    assert_eq!(read(wire, &[false, true, false]).unwrap(), expected);
    assert_eq!(read(wire, &[false, true]), None);
    assert_eq!(read(&wire[..wire.len() - 1], &[false, true, false]), None);
    assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\nno end", &[false]), None);
    assert_eq!(read(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", &[false]), None);
}
