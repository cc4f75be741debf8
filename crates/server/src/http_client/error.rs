//! Why a request was not answered as hoped.

use std::io;

use http::StatusCode;
use raftwire_transport::tls::PemError;

use super::REQUEST_TIMEOUT;

/// A request that was not answered as hoped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The URL is none that can be asked.
    #[error("\"{url}\" is not the address of a node: write http://host:port or https://host:port")]
    Url {
        /// The URL.
        url: String,
    },
    /// Nobody could tell who answers there.
    #[error(
        "\"{url}\" needs the authority of the node's certificate: --ca names a PEM file with it"
    )]
    NoAuthorities {
        /// The URL.
        url: String,
    },
    /// The authorities cannot be used.
    #[error(transparent)]
    Authorities(#[from] PemError),
    /// None of the authorities has signed the node's certificate.
    #[error(
        "no TLS connection with {address}: its certificate is signed by no authority in the file \
         that --ca, or RAFTWIRE_CA, names"
    )]
    UnknownAuthority {
        /// Host and port.
        address: String,
    },
    /// TLS does not accept it.
    #[error("no TLS connection with {address}: {reason}")]
    Tls {
        /// Host and port.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// It speaks no TLS there, and was asked to.
    #[error("{address} does not speak TLS: try http://{address}")]
    NoTls {
        /// Host and port.
        address: String,
    },
    /// What answered plain HTTP is no HTTP; a node with TLS answers so.
    #[error(
        "{address} does not answer in HTTP ({reason}). If it speaks TLS, try https://{address}, \
         and --ca with the authority of its certificate"
    )]
    NoHttp {
        /// Host and port.
        address: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// Nobody listens there.
    #[error(
        "cannot reach {address}: {source}. Is a node running there? `raftwire serve` starts \
         one; --url names another"
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The answer did not come.
    #[error("{address} did not answer within {} s", REQUEST_TIMEOUT.as_secs())]
    Timeout {
        /// Host and port.
        address: String,
    },
    /// The answer is no HTTP, or no JSON of the expected form: no node of ours.
    #[error("{address} does not answer like a node: {reason}")]
    Unintelligible {
        /// Host and port.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The node says why it does not.
    #[error("the node answered {status}: {message}{}", way_in(*status))]
    Refused {
        /// The status.
        status: StatusCode,
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
}

/// What to do about a refusal, in words that follow the node's own.
fn way_in(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => {
            ". Set the variable RAFTWIRE_HTTP_TOKEN, or give --token, with the http.token of this node"
        }
        _ => "",
    }
}
