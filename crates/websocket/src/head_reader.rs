use crate::ProtocolError;
use crate::header::{HEADER_BYTES_MAX, Header, Reader};

/// Reads heads of frames from whatever bytes have come, and keeps one that has come in part.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    kept: [u8; HEADER_BYTES_MAX],
    kept_len: u8,
}

impl HeadReader {
    /// The head, taken from the front of the input; `None`: all of the input is a part of it.
    pub(crate) fn read(
        &mut self,
        input: &mut &[u8],
        reader: Reader,
    ) -> Result<Option<Header>, ProtocolError> {
        let kept = usize::from(self.kept_len);
        if kept == 0
            && let Some((header, len)) = Header::read(input, reader)?
        {
            *input = &input[len..];
            return Ok(Some(header));
        }
        let added = input.len().min(HEADER_BYTES_MAX - kept);
        let end = kept + added;
        self.kept[kept..end].copy_from_slice(&input[..added]);
        match Header::read(&self.kept[..end], reader)? {
            Some((header, len)) => {
                self.kept_len = 0;
                *input = &input[len - kept..];
                Ok(Some(header))
            }
            None => {
                // Less than a head: so all of the input.
                self.kept_len = end as u8;
                *input = &[];
                Ok(None)
            }
        }
    }

    /// Whether no part of a head has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept_len == 0
    }
}
