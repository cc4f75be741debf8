use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use raftwire::CONNECTION_INFO_BYTES_MAX;
use raftwire_environment::Environment;
use raftwire_protocol::{Group, Name, UserId};
use raftwire_transport_ws::tls::RefusalLog;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::{Authenticator, Denied, GROUPS_AT_OPENING_MAX, Identity, OpeningRequest};
use crate::http_client::{HttpClient, RequestError};
use crate::metrics::{HookCounters, HookFailure};

/// Questions that may be under way at once: each is a connection to the application, which is to
/// be asked by many clients that return at once, and not overrun. More wait, within their time.
const QUESTIONS_MAX: usize = 256;
/// Headers that say something about this one connection only, and nothing about who asks.
const HEADERS_NOT_TOLD: [&str; 4] = [
    "connection",
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
];

/// Asks the application by HTTP: `POST` with what the client asked, answered with who it is.
///
/// `200` with an [`Identity`] as JSON lets the client in, `401` and `403` do not, and anything else is
/// "not now". `docs/protocol.md` has the bodies.
#[derive(Debug)]
pub struct Webhook {
    client: HttpClient,
    path: String,
    timeout: Duration,
    questions: Semaphore,
    environment: Environment,
    /// Every client that comes while the application is away fails in the same way.
    failures: RefusalLog,
    counters: Arc<HookCounters>,
}

/// Why the hook has not said who a client is.
struct Failure {
    kind: HookFailure,
    reason: String,
}

impl Failure {
    fn new(kind: HookFailure, reason: impl Into<String>) -> Failure {
        let reason = reason.into();
        Failure { kind, reason }
    }
}

/// The URL of the hook cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("client.authentication_url = \"{url}\" cannot be asked: {reason}")]
pub struct InvalidWebhook {
    url: String,
    reason: String,
}

#[derive(Serialize)]
struct Question<'a> {
    node: &'a str,
    remote: String,
    path: &'a str,
    query: &'a str,
    headers: BTreeMap<&'a str, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Webhook {
    /// A hook at `url`, as in `http://127.0.0.1:8000/raftwire/authenticate`; `token` is sent as the bearer.
    ///
    /// # Errors
    /// The URL cannot be asked.
    pub fn new(
        environment: Environment,
        url: &str,
        token: Option<String>,
        timeout: Duration,
    ) -> Result<Webhook, InvalidWebhook> {
        let invalid = |reason: String| InvalidWebhook {
            url: url.to_owned(),
            reason,
        };
        let uri: Uri = url.parse().map_err(|error| invalid(format!("{error}")))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(invalid("write http://host:port/path".to_owned()));
        };
        let path = uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        let client = HttpClient::new(
            environment.clone(),
            &format!("{scheme}://{authority}"),
            token,
        )
        .map_err(|error| invalid(error.to_string()))?;
        Ok(Webhook {
            client,
            path,
            timeout,
            questions: Semaphore::new(QUESTIONS_MAX),
            environment,
            failures: RefusalLog::default(),
            counters: Arc::default(),
        })
    }

    /// The same, counting on these.
    pub(crate) fn counting_on(self, counters: Arc<HookCounters>) -> Webhook {
        Webhook { counters, ..self }
    }

    async fn ask(&self, request: &OpeningRequest) -> Result<(StatusCode, Bytes), Failure> {
        let unsent =
            |error: &dyn Display| Failure::new(HookFailure::Unreachable, error.to_string());
        let question = Question {
            node: request.node.as_str(),
            remote: request.remote.to_string(),
            path: &request.path,
            query: &request.query,
            headers: told(&request.headers),
        };
        let question = serde_json::to_vec(&question).map_err(|error| unsent(&error))?;
        let _permit = self
            .questions
            .acquire()
            .await
            .map_err(|error| unsent(&error))?;
        let asked = self.client.exchange_json(&self.path, question.into());
        asked.await.map_err(|error| Failure::from(&error))
    }

    /// Asks, within the time that there is.
    async fn ask_in_time(&self, request: &OpeningRequest) -> Result<(StatusCode, Bytes), Failure> {
        let began = self.environment.now();
        let answer = tokio::time::timeout(self.timeout, self.ask(request)).await;
        self.counters.asked(self.environment.now() - began);
        answer.unwrap_or_else(|_| {
            let reason = format!("no answer within {:?}", self.timeout);
            Err(Failure::new(HookFailure::Timeout, reason))
        })
    }

    /// Counts the failure and logs it; what the client is told.
    fn unavailable(&self, failure: &Failure) -> Denied {
        self.counters.failed(failure.kind);
        self.log_failure(&failure.reason);
        Denied::Unavailable("who you are cannot be decided now".to_owned())
    }

    fn log_failure(&self, reason: &str) {
        if self.failures.is_news(reason, self.environment.now()) {
            warn!(
                reason,
                "the authentication hook does not answer as it should; each reason is said once a \
                 minute"
            );
        } else {
            debug!(
                reason,
                "the authentication hook does not answer as it should"
            );
        }
    }
}

#[async_trait]
impl Authenticator for Webhook {
    async fn authenticate(&self, request: &OpeningRequest) -> Result<Identity, Denied> {
        let (status, body) = match self.ask_in_time(request).await {
            Ok(answer) => answer,
            Err(failure) => return Err(self.unavailable(&failure)),
        };
        match status {
            StatusCode::OK => identity(&body, &request.path)
                .map_err(|reason| self.unavailable(&Failure::new(HookFailure::Identity, reason))),
            StatusCode::UNAUTHORIZED => Err(Denied::Unauthenticated(message(
                &body,
                "authentication is required",
            ))),
            StatusCode::FORBIDDEN => Err(Denied::Forbidden(message(&body, "you may not connect"))),
            status => {
                let reason = format!("status {status}");
                Err(self.unavailable(&Failure::new(HookFailure::Status, reason)))
            }
        }
    }
}

/// The headers as text, several values of one name joined by commas (RFC 9110 §5.3).
fn told(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let mut told = BTreeMap::<&str, String>::new();
    for (name, value) in headers {
        if HEADERS_NOT_TOLD.contains(&name.as_str()) {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        told.entry(name.as_str())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    told
}

impl From<&RequestError> for Failure {
    /// Without what a command line is told about the addresses of nodes.
    fn from(error: &RequestError) -> Failure {
        match error {
            RequestError::Unreachable { address, source } => {
                let reason = format!("cannot reach {address}: {source}");
                Failure::new(HookFailure::Unreachable, reason)
            }
            RequestError::NoHttp { address, reason }
            | RequestError::Unintelligible { address, reason } => {
                let reason = format!("{address} does not answer in HTTP: {reason}");
                Failure::new(HookFailure::NoHttp, reason)
            }
            RequestError::Timeout { .. } => Failure::new(HookFailure::Timeout, error.to_string()),
            _ => Failure::new(HookFailure::NoHttp, error.to_string()),
        }
    }
}

/// Who the client at this path is.
fn identity(body: &[u8], path: &str) -> Result<Identity, String> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| format!("its body is no identity: {error}"))?;
    let cannot_be = |what: &str, value: &str, error: &dyn std::fmt::Display| {
        format!("its {what} {value:?} cannot be: {error}")
    };
    if answer.groups.len() > GROUPS_AT_OPENING_MAX {
        let count = answer.groups.len();
        return Err(format!(
            "it names {count} groups, over {GROUPS_AT_OPENING_MAX}"
        ));
    }
    let entries = answer.metadata.iter();
    let bytes: usize = entries.map(|(key, value)| key.len() + value.len()).sum();
    if path.len() + bytes > CONNECTION_INFO_BYTES_MAX {
        return Err(format!(
            "its metadata has {bytes} bytes: with the path at most {CONNECTION_INFO_BYTES_MAX} are kept"
        ));
    }
    let user = answer.user.map(|text| {
        text.parse::<UserId>()
            .map_err(|error| cannot_be("user", &text, &error))
    });
    let name = answer.name.map(|text| {
        text.parse::<Name>()
            .map_err(|error| cannot_be("name", &text, &error))
    });
    let groups = answer.groups.iter().map(|text| {
        text.parse::<Group>()
            .map_err(|error| cannot_be("group", text, &error))
    });
    Ok(Identity {
        user: user.transpose()?,
        name: name.transpose()?,
        groups: groups.collect::<Result<_, _>>()?,
        metadata: answer.metadata,
    })
}

/// What the hook wants the client to read.
fn message(body: &[u8], otherwise: &str) -> String {
    let refusal: Result<Refusal, _> = serde_json::from_slice(body);
    refusal.map_or_else(|_| otherwise.to_owned(), |refusal| refusal.message)
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    #[test]
    fn an_identity_is_read_whole_or_refused_with_its_fault() {
        let body =
            br#"{"user":"alice","name":"alice@phone","groups":["news"],"metadata":{"plan":"pro"}}"#;
        let alice = identity(body, "/ws").unwrap();
        assert_eq!(alice.user, Some("alice".parse().unwrap()));
        assert_eq!(alice.groups, ["news".parse().unwrap()]);
        assert_eq!(alice.metadata["plan"], "pro");
        assert_eq!(identity(b"{}", "/ws").unwrap(), Identity::default());

        for body in [
            &b"nobody"[..],
            br#"{"usr":"a"}"#,
            br#"{"user":""}"#,
            br#"{"name":"~a"}"#,
        ] {
            let read = identity(body, "/ws");
            assert!(read.is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn metadata_is_as_large_as_a_connection_may_have_with_its_path() {
        let with = |bytes: usize| {
            let body = serde_json::json!({"metadata": {"k": "v".repeat(bytes - 1)}});
            identity(body.to_string().as_bytes(), "/ws")
        };
        assert!(with(CONNECTION_INFO_BYTES_MAX - "/ws".len()).is_ok());
        assert!(with(CONNECTION_INFO_BYTES_MAX - "/ws".len() + 1).is_err());
    }

    #[test]
    fn headers_of_the_connection_itself_are_kept_back() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1".parse().unwrap());
        headers.append(COOKIE, "b=2".parse().unwrap());
        headers.append("sec-websocket-key", "x".parse().unwrap());

        let told = told(&headers);

        assert_eq!(
            told.into_iter().collect::<Vec<_>>(),
            [("cookie", "a=1, b=2".to_owned())]
        );
    }

    #[test]
    fn urls_that_cannot_be_asked_are_refused() {
        let hook = |url: &str| {
            Webhook::new(Environment::real(), url, None, Duration::from_secs(1)).map(|_| ())
        };
        assert!(hook("http://127.0.0.1:8000/authenticate").is_ok());
        for url in ["", "/authenticate", "ftp://127.0.0.1/", "127.0.0.1:8000"] {
            assert!(hook(url).is_err(), "{url}");
        }
    }
}
