//! What a client makes of a stream's bytes (WHATWG HTML §9.2.6), and nothing that the server need not send: a field
//! that clients ignore is a failure here.

/// The lines between two blank ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// What `EventSource` will send as `Last-Event-ID`.
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    /// Its lines, with LF between them. Without any there is no event.
    pub(crate) data: Option<String>,
    pub(crate) retry_ms: Option<u64>,
}

/// Takes a stream in pieces of any length.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// A line whose end has not come yet.
    line: Vec<u8>,
    after_cr: bool,
    block: Block,
}

impl Parser {
    /// Takes the next bytes, and gives each block that ends in them.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], blocks: &mut Vec<Block>) -> Result<(), String> {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
            let (head, rest) = bytes.split_at(end);
            let is_crlf = self.after_cr && rest[0] == b'\n' && head.is_empty() && self.line.is_empty();
            self.after_cr = rest[0] == b'\r';
            bytes = &rest[1..];
            if is_crlf {
                continue;
            }
            self.line.extend_from_slice(head);
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, blocks)?;
            // Kept for its room.
            self.line = line;
            self.line.clear();
        }
        self.after_cr &= bytes.is_empty();
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], blocks: &mut Vec<Block>) -> Result<(), String> {
        let line = str::from_utf8(line).map_err(|error| format!("{error} in {:?}", String::from_utf8_lossy(line)))?;
        if line.is_empty() {
            if self.block != Block::default() {
                blocks.push(std::mem::take(&mut self.block));
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let block = &mut self.block;
        match field {
            "" if *block == Block::default() => {}
            "" => return Err(format!("the comment {line:?} within {block:.200?}")),
            "data" => match &mut block.data {
                Some(data) => data.extend(["\n", value]),
                None => block.data = Some(value.to_owned()),
            },
            "event" => block.name = Some(value.to_owned()),
            "id" => block.id = Some(value.to_owned()),
            "retry" => block.retry_ms = Some(value.parse().map_err(|_| format!("no time: {line:?}"))?),
            _ => return Err(format!("no line of an event stream: {line:.200?}")),
        }
        Ok(())
    }
}

#[test]
fn a_stream_is_parsed_at_every_chunking() {
    let stream = "retry:7\n\n:hello\n\nid:a-1\n\nid: a-2\r\nevent:x\rdata:  é\ndata\n\n:\n\ndata:\n\n".as_bytes();
    let block = |id: Option<&str>, name: Option<&str>, data: Option<&str>| Block {
        id: id.map(str::to_owned),
        name: name.map(str::to_owned),
        data: data.map(str::to_owned),
        retry_ms: None,
    };
    let expected = [
        Block { retry_ms: Some(7), ..Block::default() },
        block(Some("a-1"), None, None),
        block(Some("a-2"), Some("x"), Some(" é\n")),
        block(None, None, Some("")),
    ];
    for length in 1..=stream.len() {
        let (mut parser, mut blocks) = (Parser::default(), Vec::new());
        stream.chunks(length).for_each(|chunk| parser.feed(chunk, &mut blocks).unwrap());
        assert_eq!(blocks, expected);
    }
    for bad in ["id:1\n:keepalive\n\n", "dat:1\n", "retry:1s\n", "data:\u{0}\n".replace('\0', "\n:").as_str()] {
        assert!(Parser::default().feed(bad.as_bytes(), &mut Vec::new()).is_err(), "{bad:?}");
    }
}
