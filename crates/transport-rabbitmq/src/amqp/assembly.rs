use bytes::{Bytes, BytesMut};

use super::{Frame, FrameError, MESSAGE_ID_FLAG, Method, class, kind, take};

/// What has come as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Method(Method),
    /// A message. `None` in place of one that is larger than any of ours, which was not kept.
    Delivery {
        tag: u64,
        body: Option<Bytes>,
    },
    /// A message that could not be routed, by the id that it was published with.
    Returned {
        id: Option<u64>,
    },
    Heartbeat,
}

/// Puts frames together: a message comes as a method, a header and its bytes (4.2.6).
#[derive(Debug)]
pub(crate) struct Assembly {
    body_bytes_max: u64,
    content: Option<Content>,
}

#[derive(Debug)]
struct Content {
    of: Of,
    /// What is still missing; `None` until the header has come.
    missing: Option<u64>,
    body: BytesMut,
    is_kept: bool,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Delivery(u64),
    Returned(Option<u64>),
}

impl Assembly {
    pub(crate) const fn new(body_bytes_max: u64) -> Self {
        Self {
            body_bytes_max,
            content: None,
        }
    }

    /// Takes in a frame; `None` when more of the same has to come.
    pub(crate) fn push(&mut self, frame: Frame) -> Result<Option<Incoming>, FrameError> {
        match (frame.kind, self.content.take()) {
            (kind::HEARTBEAT, content) => {
                self.content = content;
                Ok(Some(Incoming::Heartbeat))
            }
            (kind::METHOD, None) => {
                let method = Method::decode(frame.payload).ok_or(FrameError::Malformed)?;
                let of = match method {
                    Method::Deliver { tag } => Of::Delivery(tag),
                    Method::Return => Of::Returned(None),
                    other => return Ok(Some(Incoming::Method(other))),
                };
                self.content = Some(Content {
                    of,
                    missing: None,
                    body: BytesMut::new(),
                    is_kept: true,
                });
                Ok(None)
            }
            (kind::HEADER, Some(content)) => {
                let content = self.header(content, frame.payload);
                self.finish(content.ok_or(FrameError::Malformed)?, None)
            }
            (kind::BODY, Some(content)) => self.finish(content, Some(frame.payload)),
            // A channel may be closed in the middle of a message.
            (kind::METHOD, Some(_)) => match Method::decode(frame.payload) {
                Some(method @ Method::Closed(_)) => Ok(Some(Incoming::Method(method))),
                _ => Err(FrameError::Malformed),
            },
            _ => Err(FrameError::Malformed),
        }
    }

    fn header(&self, mut content: Content, mut payload: Bytes) -> Option<Content> {
        let payload = &mut payload;
        let (class, _weight) = (take::u16(payload)?, take::u16(payload)?);
        if class != class::BASIC || content.missing.is_some() {
            return None;
        }
        let bytes = take::u64(payload)?;
        if let Of::Returned(id) = &mut content.of {
            // What comes back has the properties that it was sent with.
            *id = match take::u16(payload)? {
                MESSAGE_ID_FLAG => take::short(payload)?.parse().ok(),
                _ => None,
            };
        }
        content.missing = Some(bytes);
        let is_delivery = matches!(content.of, Of::Delivery(_));
        content.is_kept = is_delivery && bytes <= self.body_bytes_max;
        Some(content)
    }

    fn finish(
        &mut self,
        mut content: Content,
        part: Option<Bytes>,
    ) -> Result<Option<Incoming>, FrameError> {
        let missing = content.missing.ok_or(FrameError::Malformed)?;
        let part = part.unwrap_or_default();
        let missing = missing.checked_sub(part.len() as u64);
        let missing = missing.ok_or(FrameError::Malformed)?;
        content.missing = Some(missing);
        let mut whole = None;
        if content.is_kept {
            if missing == 0 && content.body.is_empty() {
                // The usual message is one frame, and is not copied.
                whole = Some(part);
            } else {
                content.body.extend_from_slice(&part);
            }
        }
        if missing > 0 {
            self.content = Some(content);
            return Ok(None);
        }
        Ok(Some(match content.of {
            Of::Returned(id) => Incoming::Returned { id },
            Of::Delivery(tag) => Incoming::Delivery {
                tag,
                body: content
                    .is_kept
                    .then(|| whole.unwrap_or_else(|| content.body.freeze())),
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Writer, decode};
    use super::*;

    /// A method of the server, as frames.
    fn method(class: u16, method: u16, arguments: &[u8]) -> BytesMut {
        let mut buffer = BytesMut::new();
        Writer::new(&mut buffer, 4096).method(class, method, |out| {
            out.extend_from_slice(arguments);
        });
        buffer
    }

    fn deliver(tag: u64) -> BytesMut {
        let mut arguments = vec![1, b'c'];
        arguments.extend_from_slice(&tag.to_be_bytes());
        arguments.extend_from_slice(&[0, 0, 0]);
        method(60, 60, &arguments)
    }

    fn all(mut bytes: BytesMut, body_bytes_max: u64) -> Vec<Incoming> {
        let mut assembly = Assembly::new(body_bytes_max);
        let mut all = Vec::new();
        while let Some(frame) = decode(&mut bytes, 4096).unwrap() {
            all.extend(assembly.push(frame).unwrap());
        }
        assert!(bytes.is_empty());
        all
    }

    /// The content of a published message, without the method before it.
    fn content(id: u64, body: &[u8], frame_bytes_max: usize) -> BytesMut {
        let mut buffer = BytesMut::new();
        let parts = [Bytes::copy_from_slice(body)];
        Writer::new(&mut buffer, frame_bytes_max).content(id, body.len(), parts);
        buffer
    }

    #[test]
    fn message_is_put_together_from_any_number_of_frames() {
        for body in [&b""[..], b"short", &[7; 1000]] {
            let mut bytes = deliver(5);
            bytes.extend_from_slice(&content(1, body, 64));
            bytes.extend_from_slice(&[8, 0, 0, 0, 0, 0, 0, 0xCE]);

            let body = Bytes::copy_from_slice(body);
            let delivery = Incoming::Delivery {
                tag: 5,
                body: Some(body),
            };
            assert_eq!(all(bytes, 1000), [delivery, Incoming::Heartbeat]);
        }
    }

    #[test]
    fn message_over_the_limit_is_not_kept() {
        let mut bytes = deliver(5);
        bytes.extend_from_slice(&content(1, &[7; 1001], 64));
        bytes.extend_from_slice(&deliver(6));
        bytes.extend_from_slice(&content(1, b"next", 64));

        let next = Some(Bytes::from_static(b"next"));
        assert_eq!(
            all(bytes, 1000),
            [
                Incoming::Delivery { tag: 5, body: None },
                Incoming::Delivery { tag: 6, body: next }
            ]
        );
    }

    #[test]
    fn message_that_comes_back_is_known_by_its_id() {
        let mut bytes = method(60, 50, &[1, 56, 0, 0, 0]);
        bytes.extend_from_slice(&content(77, b"whatever", 64));

        assert_eq!(all(bytes, 4), [Incoming::Returned { id: Some(77) }]);
    }

    #[test]
    fn words_of_the_server_are_read() {
        let blocked = method(10, 60, b"\x0alow on mem");
        let reason = "low on mem".to_owned();
        assert_eq!(
            all(blocked, 0),
            [Incoming::Method(Method::Blocked { reason })]
        );
        let ack = method(60, 80, &[0, 0, 0, 0, 0, 0, 0, 9, 1]);
        let (tag, multiple) = (9, true);
        assert_eq!(
            all(ack, 0),
            [Incoming::Method(Method::Ack { tag, multiple })]
        );
    }

    #[test]
    fn any_byte_changed_never_panics() {
        let mut whole = method(10, 10, b"\0\x09\0\0\0\x03abc\0\0\0\x05PLAIN\0\0\0\0");
        whole.extend_from_slice(&deliver(5));
        whole.extend_from_slice(&content(1, b"body", 64));
        for position in 0..whole.len() {
            for flip in [0x01, 0x80, 0xFF] {
                let mut bytes = whole.clone();
                bytes[position] ^= flip;
                let mut assembly = Assembly::new(1000);
                while let Ok(Some(frame)) = decode(&mut bytes, 4096) {
                    if assembly.push(frame).is_err() {
                        break;
                    }
                }
            }
        }
    }
}
