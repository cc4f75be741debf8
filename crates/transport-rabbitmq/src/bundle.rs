use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use raftwire_protocol::NodeId;
use raftwire_protocol::limits::DATA_PACKET_BYTES_MAX;
use raftwire_transport::broker::{Publication, Recipient};

/// A bundle takes no further publication once it has so many bytes. What a message costs the
/// broker, whatever its size, is spread over hundreds of small packets then.
const BUNDLE_BYTES_FULL: usize = 64 * 1024;

/// Before each publication: its length.
const LENGTH_BYTES: usize = 4;

/// The most that comes before a packet in a publication, rounded up.
const HEAD_BYTES_MAX: usize = 1024;

/// Bytes of the largest message that this transport makes.
pub(crate) const MESSAGE_BYTES_MAX: usize =
    BUNDLE_BYTES_FULL + LENGTH_BYTES + HEAD_BYTES_MAX + DATA_PACKET_BYTES_MAX;

/// Publications for one recipient, or for all, that go to the broker as one message.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    /// `None`: for all.
    pub(crate) to: Option<NodeId>,
    /// Whom they were for, each once.
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) parts: Vec<Bytes>,
    pub(crate) bytes: usize,
    pub(crate) publications: usize,
}

impl Bundle {
    fn push(&mut self, publication: Publication) {
        let Publication { to, head, packet } = publication;
        let length = head.len() + packet.len();
        let mut prefix = BytesMut::with_capacity(LENGTH_BYTES);
        prefix.put_u32(length as u32);
        self.parts.extend([prefix.freeze(), head, packet]);
        self.bytes += LENGTH_BYTES + length;
        self.publications += 1;
        if let Some(recipient) = to
            && self.recipients.last() != Some(&recipient)
        {
            // Only the last one of a channel counts: it says how much was sent.
            self.recipients
                .retain(|known| !known.is_of_same_channel(&recipient));
            self.recipients.push(recipient);
        }
    }
}

/// Puts together what goes to the same recipients. What goes to one node keeps its order, also
/// with what goes to all.
pub(crate) fn bundle(publications: impl IntoIterator<Item = Publication>) -> Vec<Bundle> {
    let mut done = Vec::new();
    let mut open: BTreeMap<Option<NodeId>, Bundle> = BTreeMap::new();
    for publication in publications {
        let to = publication.to.as_ref().map(|to| to.node().clone());
        if to.is_none() {
            let singles = open.extract_if(.., |to, _| to.is_some());
            done.extend(singles.map(|(_, bundle)| bundle));
        } else {
            done.extend(open.remove(&None));
        }
        let bundle = open.entry(to.clone()).or_default();
        bundle.to.clone_from(&to);
        bundle.push(publication);
        if bundle.bytes >= BUNDLE_BYTES_FULL {
            done.extend(open.remove(&to));
        }
    }
    done.extend(open.into_values());
    done
}

/// Takes a message apart again; `None` when no transport has made it.
pub(crate) fn unbundle(mut message: Bytes) -> Option<VecDeque<Bytes>> {
    let mut publications = VecDeque::new();
    while !message.is_empty() {
        let length = usize::try_from(message.try_get_u32().ok()?).ok()?;
        if length > message.len() {
            return None;
        }
        publications.push_back(message.split_to(length));
    }
    (!publications.is_empty()).then_some(publications)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_all(text: &'static str) -> Publication {
        Publication {
            to: None,
            head: Bytes::from_static(b"head "),
            packet: Bytes::from_static(text.as_bytes()),
        }
    }

    fn message(bundle: &Bundle) -> Bytes {
        let bytes: Vec<u8> = bundle.parts.concat();
        assert_eq!(bytes.len(), bundle.bytes);
        bytes.into()
    }

    #[test]
    fn publications_come_apart_as_they_were_put_together() {
        let bundles = bundle(["one", "", "three"].map(to_all));

        assert_eq!(bundles.len(), 1);
        assert_eq!(bundles[0].publications, 3);
        let apart = unbundle(message(&bundles[0])).unwrap();
        assert_eq!(apart, ["head one", "head ", "head three"]);
    }

    #[test]
    fn bundle_that_is_full_goes() {
        let large = Publication {
            to: None,
            head: Bytes::new(),
            packet: Bytes::from(vec![0; BUNDLE_BYTES_FULL]),
        };
        let bundles = bundle([to_all("a"), large.clone(), to_all("b"), to_all("c"), large]);

        let counts: Vec<_> = bundles.iter().map(|bundle| bundle.publications).collect();
        assert_eq!(counts, [2, 3]);
        assert!(
            bundles
                .iter()
                .all(|bundle| bundle.bytes <= MESSAGE_BYTES_MAX)
        );
    }

    #[test]
    fn what_no_transport_has_made_does_not_come_apart() {
        for junk in [
            &b""[..],
            b"x",
            b"hello",
            &[0, 0, 0, 9, 1],
            &[0xFF; 40],
            &[0, 0, 0, 1, 7, 0],
        ] {
            assert_eq!(unbundle(Bytes::from_static(junk)), None, "{junk:?}");
        }
    }
}
