//! What one library writes, the other reads: ours and tungstenite, in pieces of any size.

use std::io::{self, Cursor, Read, Write};

use bytes::BytesMut;
use proptest::prelude::*;
use raftwire_websocket::{Decoder, Encoder, Event, MaskKeys, MessageKind, Role};
use tungstenite::protocol::Role as TheirRole;
use tungstenite::{Bytes, Message, WebSocket};

const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Reads from one buffer, writes into another.
struct Wire {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.input.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(role: TheirRole, input: Vec<u8>) -> WebSocket<Wire> {
    let wire = Wire {
        input: Cursor::new(input),
        output: Vec::new(),
    };
    WebSocket::from_raw_socket(wire, role, None)
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        ".{0,200}".prop_map(Message::text),
        "[a-zé€𝄞]{60,70}".prop_map(Message::text),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Message::binary),
        Just(Message::binary(vec![1; 70_000])),
        proptest::collection::vec(any::<u8>(), 0..126)
            .prop_map(|payload| Message::Ping(Bytes::from(payload))),
    ]
}

/// A message as our events have it.
fn as_event(message: &Message) -> (u8, Vec<u8>) {
    match message {
        Message::Text(text) => (b't', text.as_bytes().to_vec()),
        Message::Binary(bytes) => (b'b', bytes.to_vec()),
        Message::Ping(bytes) => (b'?', bytes.to_vec()),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn ours_reads_what_theirs_writes(
        messages in proptest::collection::vec(message(), 1..8),
        from_client: bool,
        piece in prop_oneof![1_usize..40, Just(65_536)],
    ) {
        let (writer, reader) = if from_client {
            (TheirRole::Client, Role::Server)
        } else {
            (TheirRole::Server, Role::Client)
        };
        let mut socket = theirs(writer, Vec::new());
        for message in &messages {
            socket.send(message.clone()).expect("it is buffered");
        }
        let written = socket.get_ref().output.clone();

        let mut decoder = Decoder::new(reader, MESSAGE_BYTES_MAX);
        let mut read = Vec::new();
        for mut piece in written.chunks(piece) {
            while let Some(event) = decoder.decode(&mut piece).expect("it is right") {
                read.push(match event {
                    Event::Message(message) => match message.kind {
                        MessageKind::Text => (b't', message.payload.to_vec()),
                        MessageKind::Binary => (b'b', message.payload.to_vec()),
                    },
                    Event::Ping(payload) => (b'?', payload.to_vec()),
                    other => panic!("{other:?}"),
                });
            }
            prop_assert!(piece.is_empty());
        }
        prop_assert!(decoder.is_between_messages());
        prop_assert_eq!(read, messages.iter().map(as_event).collect::<Vec<_>>());
    }

    #[test]
    fn theirs_reads_what_ours_writes(
        messages in proptest::collection::vec(message(), 1..8),
        seed: Option<u64>,
    ) {
        let (mut encoder, reader) = match seed {
            Some(seed) => (Encoder::client(MaskKeys::new(seed)), TheirRole::Server),
            None => (Encoder::server(), TheirRole::Client),
        };
        let mut written = BytesMut::new();
        for message in &messages {
            match message {
                Message::Text(text) => encoder.message(MessageKind::Text, text.as_bytes(), &mut written),
                Message::Binary(bytes) => encoder.message(MessageKind::Binary, bytes, &mut written),
                Message::Ping(bytes) => encoder.ping(bytes, &mut written),
                other => panic!("{other:?}"),
            }
        }
        encoder.close(Some((1000, "bye")), &mut written);

        let mut socket = theirs(reader, written.to_vec());
        for message in &messages {
            prop_assert_eq!(&socket.read().expect("a message"), message);
        }
        let Message::Close(Some(frame)) = socket.read().expect("a close") else {
            panic!("not a close")
        };
        prop_assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, "bye"));
    }

    /// Whatever comes, nothing panics, and no more memory is asked for than came.
    #[test]
    fn any_bytes_are_an_event_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        piece in 1_usize..50,
        of_server: bool,
    ) {
        let role = if of_server { Role::Client } else { Role::Server };
        let mut decoder = Decoder::new(role, 1_000);
        let mut events = 0;
        'pieces: for mut piece in bytes.chunks(piece) {
            loop {
                match decoder.decode(&mut piece) {
                    Ok(Some(_)) => events += 1,
                    Ok(None) => break,
                    Err(_) => break 'pieces,
                }
            }
        }
        prop_assert!(events <= bytes.len() / 2);
    }
}
