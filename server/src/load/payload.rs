//! What the data of an event says about itself: when it was sent, and which it is.

use std::io::Write;

/// The fields at the beginning of an event's data; see [the module](super).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Nanoseconds since the Unix epoch at which it was sent.
    pub sent_at: Option<u64>,
    /// Its number.
    pub number: Option<u64>,
}

impl Payload {
    /// Reads the fields that are there.
    #[must_use]
    pub fn parse(data: &[u8]) -> Payload {
        let (sent_at, rest) = field(data, b't');
        let rest = if sent_at.is_some() { rest.strip_prefix(b" ").unwrap_or(&[]) } else { rest };
        let (number, _) = field(rest, b'n');
        Payload { sent_at, number }
    }

    /// Fills `data` with the fields and, after them, dots. The number takes what room there is, with leading zeros.
    ///
    /// # Panics
    ///
    /// If there is no room for the fields: 22 bytes for the time, two and the digits for the number.
    pub fn fill(self, mut data: &mut [u8]) {
        if let Some(sent_at) = self.sent_at {
            write!(data, "t={sent_at} ").expect("room for the time");
        }
        if let Some(number) = self.number {
            data.write_all(b"n=").expect("room for the number");
            let room = data.len().min(NUMBER_DIGITS);
            let (digits, rest) = data.split_at_mut(room);
            write_decimal(number, digits);
            data = rest;
            if let Some(space) = data.first_mut() {
                *space = b' ';
                data = &mut data[1..];
            }
        }
        data.fill(b'.');
    }
}

/// As many as fit into data of 16 bytes.
const NUMBER_DIGITS: usize = 14;

fn write_decimal(mut number: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        // A remainder of ten is one digit.
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    assert_eq!(number, 0, "room for the number");
}

/// The value of `name=` at the beginning of `data`, and what follows it.
fn field(data: &[u8], name: u8) -> (Option<u64>, &[u8]) {
    let [first, b'=', digits @ ..] = data else { return (None, data) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // 19 digits are less than 2^64; the time has that many until the year 2286.
    if *first != name || !(1..=19).contains(&length) {
        return (None, data);
    }
    let value = digits[..length].iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    (Some(value), &digits[length..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(sent_at: Option<u64>, number: Option<u64>) -> Payload {
        Payload { sent_at, number }
    }

    #[test]
    fn either_field_may_be_missing() {
        for (data, expected) in [
            ("t=17 n=4 x", payload(Some(17), Some(4))),
            ("t=17", payload(Some(17), None)),
            ("n=0004", payload(None, Some(4))),
            ("t=1735689600123456789 n=18", payload(Some(1_735_689_600_123_456_789), Some(18))),
            ("n=4 t=17", payload(None, Some(4))),
            ("t=17n=4", payload(Some(17), None)),
            ("t= n=4", payload(None, None)),
            ("n=99999999999999999999", payload(None, None)),
            ("time", payload(None, None)),
            ("", payload(None, None)),
        ] {
            assert_eq!(Payload::parse(data.as_bytes()), expected, "{data}");
        }
    }

    #[test]
    fn reads_what_it_writes() {
        let stamp = 1_735_689_600_123_456_789;
        for (size, payload) in [
            (16, payload(None, Some(0))),
            (16, payload(None, Some(99_999_999_999_999))),
            (40, payload(Some(stamp), Some(123))),
            (1_000, payload(Some(stamp), Some(123))),
            (22, payload(Some(stamp), None)),
        ] {
            let mut data = vec![0; size];
            payload.fill(&mut data);
            assert!(data.iter().all(|byte| (b' '..=b'~').contains(byte)));
            assert_eq!(Payload::parse(&data), payload);
        }
    }
}
