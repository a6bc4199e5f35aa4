//! Reads the names of commands from what a client sends, in whatever pieces it comes.

/// Whose language it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// RESP: arrays of strings (Redis' protocol specification).
    Redis,
    /// OP_MSG, whose first field names the command (MongoDB's wire protocol).
    Mongo,
}

/// The longest message that either server takes; what claims to be longer was misread.
const LONGEST: usize = 64 * 1024 * 1024;

/// What came of a client, as far as it is no whole command yet.
pub(crate) struct Framing {
    wire: Wire,
    rest: Vec<u8>,
}

impl Framing {
    pub(crate) const fn new(wire: Wire) -> Self {
        Self {
            wire,
            rest: Vec::new(),
        }
    }

    /// The names of the commands that are whole now.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let (mut names, mut at) = (Vec::new(), 0);
        while let Some((name, length)) = match self.wire {
            Wire::Redis => redis(&self.rest[at..]),
            Wire::Mongo => mongo(&self.rest[at..]),
        } {
            names.push(name);
            at += length;
        }
        self.rest.drain(..at);
        if self.rest.len() > LONGEST {
            self.rest.clear();
        }
        names
    }
}

/// The first command of an array of strings, and how many bytes it has; nothing if it is not whole.
fn redis(bytes: &[u8]) -> Option<(String, usize)> {
    let (strings, mut at) = number(bytes, 0, b'*')?;
    let mut name = None;
    for _ in 0..strings {
        let (length, begin) = number(bytes, at, b'$')?;
        at = begin + length + 2;
        let text = bytes.get(begin..begin + length)?;
        bytes.get(at - 1)?;
        name.get_or_insert_with(|| String::from_utf8_lossy(text).to_uppercase());
    }
    Some((name.unwrap_or_default(), at))
}

/// The number of a line that begins with `kind`, and where the next line begins.
fn number(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let end = line.iter().position(|b| *b == b'\n')?;
    let text = line.strip_prefix(&[kind])?.get(..end.checked_sub(2)?)?;
    Some((std::str::from_utf8(text).ok()?.parse().ok()?, at + end + 1))
}

/// The first command of a message, and how many bytes it has; nothing if it is not whole.
fn mongo(bytes: &[u8]) -> Option<(String, usize)> {
    const HEADER: usize = 16;
    const FLAGS: usize = 4;
    let length = bytes.get(..4)?.try_into().ok().map(u32::from_le_bytes)?;
    let message = bytes.get(..usize::try_from(length).ok()?)?;
    // Kind of section, length of the document, type of its first field; then the field's name up to a zero.
    let name = message.get(HEADER + FLAGS + 1 + 4 + 1..).unwrap_or_default();
    let name = name.split(|b| *b == 0).next().unwrap_or_default();
    Some((String::from_utf8_lossy(name).into_owned(), message.len().max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op_msg(command: &str) -> Vec<u8> {
        let mut document = vec![0, 0, 0, 0, 0x10];
        document.extend(command.as_bytes());
        document.extend([0, 1, 0, 0, 0, 0]);
        document[0] = u8::try_from(document.len()).unwrap();
        let length = u32::try_from(16 + 4 + 1 + document.len()).unwrap();
        let mut message = length.to_le_bytes().to_vec();
        message.extend([0; 12]);
        message.extend([0; 5]);
        message.extend(document);
        message
    }

    /// However it is cut, the names are the same.
    fn read_in_pieces(wire: Wire, bytes: &[u8], names: &[&str]) {
        for size in 1..=bytes.len() {
            let mut framing = Framing::new(wire);
            let read: Vec<String> = bytes.chunks(size).flat_map(|piece| framing.take(piece)).collect();
            assert_eq!(read, names, "in pieces of {size}");
            assert!(framing.rest.is_empty(), "in pieces of {size}");
        }
    }

    #[test]
    fn commands_of_redis_are_named_however_they_are_cut() {
        let bytes = b"*1\r\n$4\r\nPING\r\n*3\r\n$7\r\nevalsha\r\n$2\r\n\r\n\r\n$0\r\n\r\n*2\r\n$4\r\nLLEN\r\n$1\r\na\r\n";
        read_in_pieces(Wire::Redis, bytes, &["PING", "EVALSHA", "LLEN"]);
    }

    #[test]
    fn commands_of_mongo_are_named_however_they_are_cut() {
        let bytes = [op_msg("findAndModify"), op_msg("insert")].concat();
        read_in_pieces(Wire::Mongo, &bytes, &["findAndModify", "insert"]);
    }

    #[test]
    fn garbage_names_nothing_and_ends_nothing() {
        assert!(Framing::new(Wire::Redis).take(b"hello\r\n").is_empty());
        assert!(Framing::new(Wire::Redis).take(b"*x\r\n\xff").is_empty());
        assert!(Framing::new(Wire::Mongo).take(&[0xff; 64]).is_empty());
    }
}
