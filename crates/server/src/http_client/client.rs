use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::uri::{Authority, Scheme};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use raftwire::MESSAGE_BYTES_MAX_CEILING;
use raftwire_environment::Environment;
use raftwire_transport::tls::trusting;
use raftwire_websocket::ClientHandshakeError;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{AnyStream, REQUEST_TIMEOUT, RequestError};
use crate::client::protocol::SUBPROTOCOL;
use crate::client::protocol::limits::to_client_bytes_max;
use crate::websocket_engine::{self, ConnectError, Target, WebSocket};

/// Bytes of the largest answer that is read: a report of ten thousand nodes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A node's HTTP API, at one address.
#[derive(Clone, Debug)]
pub struct HttpClient {
    pub(super) environment: Environment,
    pub(super) authority: Authority,
    /// `None`: without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    token: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorFields,
}

#[derive(Deserialize)]
struct ErrorFields {
    code: String,
    message: String,
}

impl HttpClient {
    /// A client of the node at `url`, which looks like `http://127.0.0.1:5000`.
    ///
    /// # Errors
    /// [`RequestError::Url`], and [`RequestError::NoAuthorities`] for an `https://` address.
    pub fn new(
        environment: Environment,
        url: &str,
        token: Option<String>,
    ) -> Result<HttpClient, RequestError> {
        HttpClient::trusting(environment, url, None, token)
    }

    /// The same for a node that speaks TLS, whose certificate one of these authorities has
    /// signed.
    ///
    /// # Errors
    /// [`RequestError::Url`], [`RequestError::NoAuthorities`].
    pub fn trusting(
        environment: Environment,
        url: &str,
        authorities: Option<Arc<RootCertStore>>,
        token: Option<String>,
    ) -> Result<HttpClient, RequestError> {
        let wrong = || RequestError::Url {
            url: url.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme() {
            None => None,
            Some(scheme) if *scheme == Scheme::HTTP => None,
            Some(scheme) if *scheme == Scheme::HTTPS => {
                let url = url.to_owned();
                let authorities = authorities.ok_or(RequestError::NoAuthorities { url })?;
                Some(trusting(authorities, &environment).map_err(|_| wrong())?)
            }
            Some(_) => return Err(wrong()),
        };
        let has_path = !matches!(uri.path(), "" | "/");
        let authority = uri
            .authority()
            .filter(|_| !has_path)
            .ok_or_else(wrong)?
            .clone();
        Ok(HttpClient {
            environment,
            authority,
            tls,
            token,
        })
    }

    /// Asks for `path`, and reads the answer as `T`.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn get<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T, RequestError> {
        let answer = self.ask(Method::GET, path, None).await?;
        if !answer.status().is_success() {
            return Err(self.refusal(&answer));
        }
        self.read(answer.body())
    }

    /// Sends a body of this content type. An answer that is an error of the API is an error; any
    /// other is read as `T`, whatever its status.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn post<T: for<'a> Deserialize<'a>>(
        &self,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<T, RequestError> {
        let answer = self
            .ask(Method::POST, path, Some((content_type, body)))
            .await?;
        match serde_json::from_slice::<ErrorBody>(answer.body()) {
            Ok(_) => Err(self.refusal(&answer)),
            Err(_) => self.read(answer.body()),
        }
    }

    /// Sends JSON to a server that need not be a node, and returns what it answers, whatever that is.
    ///
    /// # Errors
    /// There was no answer, or none of HTTP.
    pub(crate) async fn exchange_json(
        &self,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), RequestError> {
        let body = Some(("application/json", body));
        let answer = self.ask(Method::POST, path, body).await?;
        Ok((answer.status(), answer.into_body()))
    }

    /// Has `path` deleted.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn delete(&self, path: &str) -> Result<(), RequestError> {
        let answer = self.ask(Method::DELETE, path, None).await?;
        if !answer.status().is_success() {
            return Err(self.refusal(&answer));
        }
        Ok(())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Response<Bytes>, RequestError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.authority.as_str());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some((content_type, _)) = &body {
            request = request.header(CONTENT_TYPE, *content_type);
        }
        let body = Full::new(body.map(|(_, bytes)| bytes).unwrap_or_default());
        let request = request
            .body(body)
            .map_err(|error| self.unintelligible(error))?;
        match tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(RequestError::Timeout {
                address: self.authority.to_string(),
            }),
        }
    }

    /// Opens the WebSocket of a client.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub(crate) async fn open(&self, path: &str) -> Result<WebSocket<AnyStream>, RequestError> {
        let target = Target {
            host: self.authority.as_str(),
            path,
            protocol: SUBPROTOCOL,
            received_bytes_max: to_client_bytes_max(MESSAGE_BYTES_MAX_CEILING),
        };
        let opening = async {
            let stream = self.connect().await?;
            let stream: AnyStream = match &self.tls {
                None => Box::new(stream),
                Some(config) => Box::new(self.protect(stream, Arc::clone(config)).await?),
            };
            let opened = websocket_engine::connect(stream, target, &self.environment).await;
            opened.map_err(|error| match error {
                ConnectError::Handshake(ClientHandshakeError::NotHttp) => self.no_http(error),
                _ => self.unintelligible(error),
            })
        };
        match tokio::time::timeout(REQUEST_TIMEOUT, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(RequestError::Timeout {
                address: self.authority.to_string(),
            }),
        }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, RequestError> {
        let stream = self.connect().await?;
        match &self.tls {
            None => self.speak(stream, request).await,
            Some(config) => {
                let stream = self.protect(stream, Arc::clone(config)).await?;
                self.speak(stream, request).await
            }
        }
    }

    async fn speak<IO>(
        &self,
        stream: IO,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, RequestError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unintelligible(error))?;
        let exchange = async {
            let answer = sender.send_request(request).await;
            let answer = answer.map_err(|error| match error.is_parse() {
                true => self.no_http(error),
                false => self.unintelligible(error),
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| self.unintelligible(error))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        // The connection's own errors are those of the exchange.
        let connection = async {
            drop(connection.await);
            std::future::pending().await
        };
        tokio::select! {
            answer = exchange => answer,
            () = connection => Err(self.unintelligible("the connection ended")),
        }
    }

    fn read<T: for<'a> Deserialize<'a>>(&self, body: &[u8]) -> Result<T, RequestError> {
        serde_json::from_slice(body).map_err(|error| self.unintelligible(error))
    }

    fn refusal(&self, answer: &Response<Bytes>) -> RequestError {
        match serde_json::from_slice(answer.body()) {
            Ok(ErrorBody {
                error: ErrorFields { code, message },
            }) => RequestError::Refused {
                status: answer.status(),
                code,
                message,
            },
            Err(_) => self.unintelligible(answer.status()),
        }
    }

    /// An answer to plain HTTP that is none; TLS says in its own form that it was not spoken to.
    fn no_http(&self, reason: impl ToString) -> RequestError {
        match self.tls {
            None => RequestError::NoHttp {
                address: self.authority.to_string(),
                reason: reason.to_string(),
            },
            Some(_) => self.unintelligible(reason),
        }
    }

    fn unintelligible(&self, reason: impl ToString) -> RequestError {
        RequestError::Unintelligible {
            address: self.authority.to_string(),
            reason: reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_cannot_be_asked_are_refused() {
        let client = |url: &str| HttpClient::new(Environment::real(), url, None);
        for url in [
            "http://127.0.0.1:5000",
            "http://[::1]:5000/",
            "localhost:5000",
        ] {
            assert!(client(url).is_ok(), "{url}");
        }
        for url in [
            "https://localhost",
            "ws://localhost",
            "/path",
            "",
            "http://localhost/path",
        ] {
            assert!(client(url).is_err(), "{url}");
        }
    }
}
