//! The little HTTP/1.1 that a transport needs which listens by itself: one request, one answer.

use std::fmt::Write as _;
use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use httparse::Status;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of the longest request head: a peer's has some 250, proxies may add to it.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Header lines of a request.
const HEADERS_MAX: usize = 64;

/// Reads a request up to the end of its headers. Returns it with the bytes that came after them.
///
/// Sets no time limit.
pub(crate) async fn read_request<IO>(io: &mut IO) -> Result<(Request<()>, Bytes), HeadError>
where
    IO: AsyncRead + Unpin,
{
    let mut head = BytesMut::with_capacity(1024);
    loop {
        if io.read_buf(&mut head).await? == 0 {
            return Err(HeadError::Ended);
        }
        if let Some((request, bytes)) = parse(&head)? {
            let rest = head.split_off(bytes);
            return Ok((request, rest.freeze()));
        }
        if head.len() >= HEAD_BYTES_MAX {
            return Err(HeadError::TooLong);
        }
    }
}

/// The request and the length of its head; `None` if there must be more of it.
fn parse(head: &[u8]) -> Result<Option<(Request<()>, usize)>, HeadError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let Status::Complete(bytes) = parsed.parse(head)? else {
        return Ok(None);
    };
    let mut request = Request::new(());
    // The parser sets all three when it is complete.
    let method = parsed.method.unwrap_or_default().as_bytes();
    *request.method_mut() = Method::from_bytes(method).map_err(|_| HeadError::Malformed)?;
    let path: Result<Uri, _> = parsed.path.unwrap_or_default().parse();
    *request.uri_mut() = path.map_err(|_| HeadError::Malformed)?;
    *request.version_mut() = match parsed.version {
        Some(1) => Version::HTTP_11,
        _ => Version::HTTP_10,
    };
    for header in parsed.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(header.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(HeadError::Malformed);
        };
        request.headers_mut().append(name, value);
    }
    Ok(Some((request, bytes)))
}

/// Writes an answer, with the body's length unless the answer switches protocols.
pub(crate) async fn write_response<IO>(io: &mut IO, response: &Response<String>) -> io::Result<()>
where
    IO: AsyncWrite + Unpin,
{
    let mut text = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        // The headers are this crate's own, so they are text.
        let value = value.to_str().unwrap_or_default();
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !response.status().is_informational() {
        let _ = write!(text, "content-length: {}\r\n", response.body().len());
    }
    text.push_str("\r\n");
    text.push_str(response.body());
    io.write_all(text.as_bytes()).await?;
    io.flush().await
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the connection ended within the request")]
    Ended,
    #[error("the request head is longer than {HEAD_BYTES_MAX} bytes")]
    TooLong,
    #[error("this is not HTTP/1.1")]
    Malformed,
    #[error("connection: {0}")]
    Io(#[from] io::Error),
}

impl From<httparse::Error> for HeadError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooLong,
            _ => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Result<(Request<()>, Bytes), HeadError> {
        read_request(&mut bytes).await
    }

    #[tokio::test]
    async fn request_is_read_and_what_follows_is_kept() {
        let (request, rest) =
            read(b"GET /cluster?node=a HTTP/1.1\r\nUpgrade: websocket\r\n\r\nmore")
                .await
                .unwrap();

        assert_eq!(request.uri(), "/cluster?node=a");
        assert_eq!(request.headers()["upgrade"], "websocket");
        assert_eq!(rest, "more");
    }

    #[tokio::test]
    async fn request_may_come_byte_by_byte() {
        let (mut theirs, mut ours) = tokio::io::duplex(1);
        let request = async { read_request(&mut ours).await.unwrap().0 };
        let write = async { theirs.write_all(b"GET / HTTP/1.1\r\nA: b\r\n\r\n").await };

        let (request, written) = tokio::join!(request, write);

        written.unwrap();
        assert_eq!(request.headers()["a"], "b");
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused() {
        assert!(matches!(read(b"").await, Err(HeadError::Ended)));
        assert!(matches!(read(b"GET / HT").await, Err(HeadError::Ended)));
        let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n";
        assert!(matches!(read(tls).await, Err(HeadError::Malformed)));
        let endless = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; 9_000]].concat();
        assert!(matches!(read(&endless).await, Err(HeadError::TooLong)));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert!(matches!(
            read(many.as_bytes()).await,
            Err(HeadError::TooLong)
        ));
    }

    #[tokio::test]
    async fn answer_has_the_length_of_its_body() {
        let mut written = Vec::new();
        let response = crate::upgrade::refusal(http::StatusCode::NOT_FOUND, "no".to_owned());

        write_response(&mut written, &response).await.unwrap();

        let text = String::from_utf8(written).unwrap();
        assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"), "{text}");
        assert!(text.ends_with("content-length: 2\r\n\r\nno"), "{text}");
    }
}
