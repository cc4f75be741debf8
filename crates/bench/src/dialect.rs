//! What a client and a node of Raftwire say to each other, as far as the generator needs it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The subprotocol of a node's clients.
pub(crate) const SUBPROTOCOL: &str = "raftwire.v1";
/// The head of a binary message, in front of its target.
pub(crate) const HEAD_BYTES: usize = 12;
/// What the number of a message has in its payload.
pub(crate) const NUMBER_BYTES: usize = 8;
/// A send to a connection.
const KIND_SEND: u8 = 1;
/// A send to a group.
const KIND_SEND_TO_GROUP: u8 = 4;
/// A message to a client.
const KIND_MESSAGE: u8 = 2;
/// A send that was delivered, without an outcome's text.
const KIND_DELIVERED: u8 = 5;
/// The flag of a send whose sender takes [`KIND_DELIVERED`] for an answer.
const FLAG_BRIEF: u8 = 1;
/// How every result of a node begins.
const RESULT: &[u8] = b"{\"type\":\"result\",\"id\":";
/// How the answer to a send for many begins.
pub(crate) const COUNTS: &[u8] = b"{\"type\":\"counts\"";
/// How the answer to a join begins.
pub(crate) const JOINED: &[u8] = b"{\"type\":\"joined\"";
/// How the answer to what cannot be done begins.
pub(crate) const ERROR: &[u8] = b"{\"type\":\"error\"";
/// The outcome of a message that is on its way to the receiver's socket.
pub(crate) const DELIVERED: &str = "delivered";
const OUTCOME: &[u8] = b",\"outcome\":\"";

/// What a client hears first.
#[derive(Debug, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) connection: String,
    pub(crate) name: Option<String>,
    pub(crate) may_send: bool,
    pub(crate) may_join: bool,
}

/// What became of a message for many.
#[derive(Debug, Deserialize)]
pub(crate) struct Counts {
    pub(crate) delivered: u64,
    /// Connections that it did not reach, by why.
    #[serde(default)]
    pub(crate) failed: BTreeMap<String, u64>,
    /// Nodes that it did not reach, and why.
    #[serde(default)]
    pub(crate) missed_nodes: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) unknown_nodes: BTreeMap<String, String>,
}

/// Writes a binary send to a connection without its payload; [`set_number`] gives it its number.
pub(crate) fn send_head(target: &str) -> Vec<u8> {
    head(KIND_SEND, FLAG_BRIEF, target)
}

/// The same for every connection in a group.
pub(crate) fn group_send_head(group: &str) -> Vec<u8> {
    head(KIND_SEND_TO_GROUP, 0, group)
}

/// Asks to be in a group, which needs no escapes; the answer comes when every node knows.
pub(crate) fn join(group: &str) -> String {
    format!("{{\"type\":\"join\",\"id\":1,\"group\":\"{group}\",\"settled\":true}}")
}

fn head(kind: u8, flags: u8, target: &str) -> Vec<u8> {
    let mut head = vec![kind, flags];
    head.extend_from_slice(&(target.len() as u16).to_be_bytes());
    head.extend_from_slice(&[0; 8]);
    head.extend_from_slice(target.as_bytes());
    head
}

/// Gives a binary send its number.
pub(crate) fn set_number(send: &mut [u8], number: u64) {
    send[4..HEAD_BYTES].copy_from_slice(&number.to_be_bytes());
}

/// The number of a binary message to a client.
pub(crate) fn message_number(message: &[u8]) -> Option<u64> {
    number_of(KIND_MESSAGE, message)
}

fn number_of(kind: u8, message: &[u8]) -> Option<u64> {
    let number = message.get(4..HEAD_BYTES)?.try_into().ok()?;
    (message[0] == kind).then_some(u64::from_be_bytes(number))
}

/// The number in the payload of a binary message to a client, as its sender has written it.
pub(crate) fn payload_number(message: &[u8]) -> Option<u64> {
    let number = message.get(HEAD_BYTES..HEAD_BYTES + NUMBER_BYTES)?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

/// The number and outcome of an answer, read where it lies.
pub(crate) fn result(answer: &[u8]) -> Option<(u64, &str)> {
    if let Some(number) = number_of(KIND_DELIVERED, answer) {
        return Some((number, DELIVERED));
    }
    let rest = answer.strip_prefix(RESULT)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at(digits);
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let outcome = rest.strip_prefix(OUTCOME)?;
    let end = outcome.iter().position(|byte| *byte == b'"')?;
    Some((number, std::str::from_utf8(&outcome[..end]).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_read_without_its_details() {
        let text = br#"{"type":"result","id":71,"outcome":"busy","happened":"no","queue":"peer"}"#;
        assert_eq!(result(text), Some((71, "busy")));
        assert_eq!(result(br#"{"type":"pong","id":71}"#), None);
        let brief = [5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10];
        assert_eq!(result(&brief), Some((10, DELIVERED)));
    }

    #[test]
    fn a_send_is_as_the_protocol_page_has_it() {
        let mut send = send_head("~AAEAAAEAAAAAAGvnUSJ4Tg");
        set_number(&mut send, 7);
        assert_eq!(send[..12], [1, 1, 0, 23, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(&send[12..], b"~AAEAAAEAAAAAAGvnUSJ4Tg");
        let send = group_send_head("news");
        assert_eq!(send, b"\x04\0\0\x04\0\0\0\0\0\0\0\0news");
        let message = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x00, 0xff];
        assert_eq!(message_number(&message), Some(3));
        assert_eq!(message_number(&send), None);
    }
}
