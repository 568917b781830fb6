//! The frames in the body of a gRPC-Web response, read while they pass:
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

/// How many bytes of the trailers are buffered until they are complete.
const MOST: usize = 8 * 1024;

/// Finds the trailers, which are the last frame; messages are skipped.
pub(super) struct WebFrames {
    /// Of base64 text, the characters of an incomplete group.
    group: Option<Vec<u8>>,
    frames: Frames,
}

enum Frames {
    /// A flag and the length, of which `read` bytes were read.
    Head {
        bytes: [u8; 5],
        read: usize,
    },
    Message {
        left: usize,
    },
    Trailers {
        text: Vec<u8>,
        left: usize,
    },
    Done,
}

const START: Frames = Frames::Head {
    bytes: [0; 5],
    read: 0,
};

impl WebFrames {
    pub(super) fn new(is_text: bool) -> Self {
        Self {
            group: is_text.then(Vec::new),
            frames: START,
        }
    }

    /// Reads more bytes; returns the trailers when they are complete.
    pub(super) fn trailers(&mut self, bytes: &[u8]) -> Option<HeaderMap> {
        let Some(group) = &mut self.group else {
            return self.frames.read(bytes);
        };
        // A body may be several base64 texts in a row, each of which may be padded.
        let characters = bytes.iter().filter(|b| !matches!(b, b'\r' | b'\n'));
        for character in characters {
            group.push(*character);
            if group.len() < 4 {
                continue;
            }
            let mut decoded = [0; 3];
            let Ok(length) = STANDARD.decode_slice(&*group, &mut decoded) else {
                self.frames = Frames::Done;
                return None;
            };
            group.clear();
            let read = self.frames.read(decoded.get(..length).unwrap_or_default());
            if read.is_some() {
                return read;
            }
        }
        None
    }
}

impl Frames {
    fn read(&mut self, mut bytes: &[u8]) -> Option<HeaderMap> {
        loop {
            let next = match self {
                Self::Head { bytes: head, read } => {
                    let (missing, rest) = bytes.split_at((head.len() - *read).min(bytes.len()));
                    bytes = rest;
                    for (slot, byte) in head.iter_mut().skip(*read).zip(missing) {
                        *slot = *byte;
                    }
                    *read += missing.len();
                    if *read < head.len() {
                        return None;
                    }
                    let [flag, length @ ..] = *head;
                    let left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                    match flag {
                        0x80 => Self::Trailers {
                            text: Vec::new(),
                            left,
                        },
                        _ => Self::Message { left },
                    }
                }
                Self::Message { left } => {
                    let (message, rest) = bytes.split_at((*left).min(bytes.len()));
                    bytes = rest;
                    *left -= message.len();
                    if *left > 0 {
                        return None;
                    }
                    START
                }
                Self::Trailers { text, left } => {
                    let (part, _) = bytes.split_at((*left).min(bytes.len()));
                    let room = MOST - text.len();
                    text.extend(part.iter().take(room));
                    *left -= part.len();
                    if *left > 0 {
                        return None;
                    }
                    let trailers = fields(text);
                    *self = Self::Done;
                    return Some(trailers);
                }
                Self::Done => return None,
            };
            *self = next;
        }
    }
}

/// Trailers in the body are lines as in HTTP/1.1. A line that is not one is skipped.
fn fields(trailers: &[u8]) -> HeaderMap {
    // Of trailers that are too long, the last line may be cut.
    let whole = match trailers.len() < MOST {
        true => Some(trailers.len()),
        false => trailers.iter().rposition(|b| *b == b'\n'),
    };
    let whole = whole.and_then(|whole| trailers.get(..whole));
    let lines = whole.unwrap_or_default().split(|b| *b == b'\n');
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = HeaderName::from_bytes(name.trim_ascii()).ok()?;
        let value = value.strip_prefix(b":")?.trim_ascii();
        Some((name, HeaderValue::from_bytes(value).ok()?))
    });
    let mut read = HeaderMap::new();
    for (name, value) in fields {
        read.append(name, value);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(flag: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[flag], &length[..], payload].concat()
    }

    fn body(trailers: &str) -> Vec<u8> {
        [
            frame(0, b"a message"),
            frame(0, b""),
            frame(1, &[0x80; 300]),
            frame(0x80, trailers.as_bytes()),
        ]
        .concat()
    }

    /// The trailers, which are the same in pieces of any size.
    fn read(body: &[u8], is_text: bool) -> Option<HeaderMap> {
        let found = [1, 2, 3, 5, 7, 64, usize::MAX].map(|size| {
            let mut frames = WebFrames::new(is_text);
            let mut pieces = body.chunks(size.min(body.len()));
            let found = pieces.find_map(|piece| frames.trailers(piece));
            assert!(pieces.all(|piece| frames.trailers(piece).is_none()));
            found
        });
        assert!(found.iter().all(|it| *it == found[0]), "{found:?}");
        let [found, ..] = found;
        found
    }

    /// Whether the status is found.
    fn is_found(body: &[u8], is_text: bool) -> bool {
        let status = read(body, is_text);
        status.is_some_and(|fields| fields.get("grpc-status").is_some_and(|it| it == "16"))
    }

    #[test]
    fn status_is_found_in_trailers_only() {
        for (trailers, expected) in [
            ("grpc-status: 16\r\n", true),
            ("grpc-status:16", true),
            ("grpc-message:no\r\nGRPC-Status:16\r\n", true),
            ("grpc-status: 0\r\n", false),
            ("grpc-status: 160\r\n", false),
            ("x-grpc-status: 16\r\n", false),
            ("grpc-message: grpc-status:16\r\n", false),
            ("", false),
        ] {
            let body = body(trailers);
            assert_eq!(is_found(&body, false), expected, "{trailers:?}");
            assert_eq!(is_found(STANDARD.encode(&body).as_bytes(), true), expected);
        }
        assert!(!is_found(&frame(0, b"grpc-status: 16\r\n"), false));
    }

    #[test]
    fn lines_are_fields() {
        let trailers = "Grpc-Status:16\r\nno field\r\n: no name\r\na b: no name\r\n\r\n\
                        x-a: 1\nx-a:\t2 \r\nx-b: a:b\r\nx-c:\u{1}\r\nx-d:";
        let body = body(trailers);
        let fields = read(&body, false).unwrap();
        assert_eq!(
            read(STANDARD.encode(&body).as_bytes(), true).unwrap(),
            fields
        );
        let mut expected = HeaderMap::new();
        for (name, value) in [
            ("grpc-status", "16"),
            ("x-a", "1"),
            ("x-a", "2"),
            ("x-b", "a:b"),
            ("x-d", ""),
        ] {
            expected.append(name, HeaderValue::from_static(value));
        }
        assert_eq!(fields, expected);
    }

    #[test]
    fn cut_line_is_no_field() {
        for status in ["16", "160"] {
            let start = "x-a: 1\r\n";
            let fill = MOST - start.len() - "x-b: ".len() - "\r\ngrpc-status: 16".len();
            let fill = "b".repeat(fill);
            let trailers = format!("{start}x-b: {fill}\r\ngrpc-status: {status}");
            let fields = read(&body(&trailers), false).unwrap();
            assert!(fields.contains_key("x-b") && !fields.contains_key("grpc-status"));
        }
        let line = "grpc-status: 16";
        let fill = "b".repeat(MOST - 1 - line.len() - "x-b: \r\n".len());
        assert!(is_found(&body(&format!("x-b: {fill}\r\n{line}")), false));
    }

    #[test]
    fn padded_texts_may_follow_each_other() {
        let (message, trailers) = (frame(0, b"ab"), frame(0x80, b"grpc-status: 16"));
        for split in 1..trailers.len() {
            let (first, second) = trailers.split_at(split);
            let texts = [&*message, first, second].map(|part| STANDARD.encode(part));
            assert!(is_found(texts.concat().as_bytes(), true), "{split}");
        }
    }

    #[test]
    fn endless_trailers_take_little_memory() {
        let mut frames = WebFrames::new(false);
        assert!(frames.trailers(&[0x80, 0xff, 0xff, 0xff, 0xff]).is_none());
        for _ in 0..1000 {
            assert!(frames.trailers(&[b'x'; 1024]).is_none());
        }
        let Frames::Trailers { text, .. } = &frames.frames else {
            panic!("not in the trailers");
        };
        assert!(text.capacity() <= 2 * MOST);
    }

    #[test]
    fn non_base64_is_not_read() {
        let text = STANDARD.encode(frame(0x80, b"grpc-status: 16"));
        for broken in [
            format!("!{text}"),
            format!("===={text}"),
            format!("\u{e9}{text}"),
        ] {
            assert!(!is_found(broken.as_bytes(), true), "{broken}");
        }
    }
}
