use hmac::{Hmac, KeyInit, Mac};
use raftwire_protocol::Lane;
use sha2::Sha256;

use super::Secret;

pub(super) const MAC_BYTES: usize = 32;

/// What two nodes said to each other, as one of them proves to have said and heard it.
///
/// HMAC-SHA256 (RFC 2104) over a label, the lane, and each field after its length: without the
/// lengths, bytes could move from one field to its neighbour. Without a secret the key is empty,
/// and the code proves only that both hellos arrived unharmed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transcript<'a> {
    pub(super) lane: Lane,
    /// The hello of whoever makes the code, byte for byte as it was sent.
    pub(super) sender: &'a [u8],
    /// The hello of whoever checks it.
    pub(super) receiver: &'a [u8],
}

impl Transcript<'_> {
    pub(super) fn prove(&self, secret: Option<&Secret>) -> [u8; MAC_BYTES] {
        self.proof(secret).finalize().into_bytes().into()
    }

    /// In constant time.
    pub(super) fn is_proved_by(&self, secret: Option<&Secret>, mac: &[u8]) -> bool {
        self.proof(secret).verify_slice(mac).is_ok()
    }

    pub(super) fn refuse(&self, secret: Option<&Secret>, code: u32, text: &str) -> [u8; MAC_BYTES] {
        self.refusal(secret, code, text)
            .finalize()
            .into_bytes()
            .into()
    }

    /// In constant time.
    pub(super) fn is_refused_by(
        &self,
        secret: Option<&Secret>,
        code: u32,
        text: &str,
        mac: &[u8],
    ) -> bool {
        self.refusal(secret, code, text).verify_slice(mac).is_ok()
    }

    fn proof(&self, secret: Option<&Secret>) -> Hmac<Sha256> {
        self.code(secret, b"raftwire hello v1", &[])
    }

    fn refusal(&self, secret: Option<&Secret>, code: u32, text: &str) -> Hmac<Sha256> {
        self.code(
            secret,
            b"raftwire refusal v1",
            &[&code.to_be_bytes(), text.as_bytes()],
        )
    }

    fn code(&self, secret: Option<&Secret>, label: &[u8], more: &[&[u8]]) -> Hmac<Sha256> {
        let key = secret.map_or(&[][..], Secret::as_bytes);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        let lane = [self.lane.number()];
        let fields = [label, &lane, self.sender, self.receiver];
        for field in fields.iter().chain(more) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new([7; 16]).expect("long enough")
    }

    const TRANSCRIPT: Transcript<'_> = Transcript {
        lane: Lane::Control,
        sender: b"sender",
        receiver: b"receiver",
    };

    #[test]
    fn the_code_is_pinned() {
        let mac = TRANSCRIPT.prove(Some(&secret()));
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "ca65578ac34e36caa5040bdb11f2ca14877ebb6817c7da17b7299ee9588a73ae"
        );
        let mac = TRANSCRIPT.prove(None);
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "7cfc2fb0cbc9a42d3bf0184d358a9d50af6c0f090ed8d12e6cc9de26d5345552"
        );
    }

    #[test]
    fn a_code_holds_for_its_own_transcript_alone() {
        let secret = secret();
        let other = Secret::new([8; 16]).expect("long enough");
        let mac = TRANSCRIPT.prove(Some(&secret));
        assert!(TRANSCRIPT.is_proved_by(Some(&secret), &mac));
        assert!(!TRANSCRIPT.is_proved_by(Some(&other), &mac));
        assert!(!TRANSCRIPT.is_proved_by(None, &mac));
        assert!(!TRANSCRIPT.is_proved_by(Some(&secret), &mac[..31]));
        assert!(!TRANSCRIPT.is_proved_by(Some(&secret), &[]));
        let (sender, receiver) = (TRANSCRIPT.sender, TRANSCRIPT.receiver);
        let others = [
            Transcript {
                lane: Lane::Data,
                ..TRANSCRIPT
            },
            Transcript {
                sender: receiver,
                receiver: sender,
                ..TRANSCRIPT
            },
            Transcript {
                sender: b"senderr",
                receiver: b"eceiver",
                ..TRANSCRIPT
            },
        ];
        for transcript in others {
            assert!(!transcript.is_proved_by(Some(&secret), &mac));
        }
    }

    #[test]
    fn a_refusal_is_no_proof_and_covers_its_code_and_text() {
        let secret = secret();
        let mac = TRANSCRIPT.refuse(Some(&secret), 1, "text");
        assert!(TRANSCRIPT.is_refused_by(Some(&secret), 1, "text", &mac));
        assert!(!TRANSCRIPT.is_refused_by(Some(&secret), 2, "text", &mac));
        assert!(!TRANSCRIPT.is_refused_by(Some(&secret), 1, "Text", &mac));
        assert!(!TRANSCRIPT.is_proved_by(Some(&secret), &mac));
    }
}
