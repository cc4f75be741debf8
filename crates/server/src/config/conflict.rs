use http::Uri;
use raftwire::SeatPolicy;

use super::ServerOptions;

/// Paths of the port that are the server's own.
const OWN_PATHS: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/echo"];
/// What the paths of the HTTP API begin with.
const API_PATH: &str = "/api/";

/// Settings that are right by themselves and cannot be together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// A path that is another one's.
    #[error(
        "{key} = \"{path}\" is a path of the server's own: choose another, such as \"{example}\""
    )]
    OwnPath {
        /// The key.
        key: &'static str,
        /// The path.
        path: String,
        /// One that would do.
        example: &'static str,
    },
    /// Clients and nodes at one path.
    #[error("client.path and channel_name are both \"{path}\": clients and nodes need a path each")]
    OnePath {
        /// The path.
        path: String,
    },
    /// An edge has no log, so a cluster of its own it cannot have.
    #[error("seat = \"edge\" needs a cluster to join: name a member in `nodes`")]
    LonelyEdge,
    /// The application can be asked over plain HTTP only.
    #[error("client.authentication_url = \"{url}\": write http://host:port/path")]
    AuthenticationUrl {
        /// What was set.
        url: String,
    },
    /// A token that is never shown.
    #[error("client.authentication_token is set, and no client.authentication_url to show it to")]
    TokenForNobody,
}

impl ServerOptions {
    /// Checks that what is set fits together, beside [secret](Self::require_secret_or_loopback) and
    /// [TLS](Self::check_tls).
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check_conflicts(&self) -> Result<(), Conflict> {
        let paths = [
            ("client.path", &self.client.path, "/ws"),
            ("channel_name", &self.cluster.channel_name, "/cluster"),
        ];
        for (key, path, example) in paths {
            if OWN_PATHS.contains(&path.as_str()) || path.starts_with(API_PATH) {
                let path = path.clone();
                return Err(Conflict::OwnPath { key, path, example });
            }
        }
        if self.client.path == self.cluster.channel_name {
            let path = self.client.path.clone();
            return Err(Conflict::OnePath { path });
        }
        let own = self.cluster.node_id.as_ref();
        let has_others = (self.cluster.nodes.iter()).any(|node| Some(&node.node) != own);
        if self.cluster.seat == SeatPolicy::Edge && !has_others {
            return Err(Conflict::LonelyEdge);
        }
        match &self.client.authentication_url {
            Some(url) if !is_http(url) => Err(Conflict::AuthenticationUrl { url: url.clone() }),
            None if self.client.authentication_token.is_some() => Err(Conflict::TokenForNobody),
            Some(_) | None => Ok(()),
        }
    }
}

fn is_http(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(change: impl FnOnce(&mut ServerOptions)) -> Option<Conflict> {
        let mut options = ServerOptions::default();
        assert_eq!(options.check_conflicts(), Ok(()));
        change(&mut options);
        options.check_conflicts().err()
    }

    #[test]
    fn each_conflict_is_told() {
        for path in ["/healthz", "/metrics", "/api/v1/cluster"] {
            let clients = conflict(|it| path.clone_into(&mut it.client.path));
            assert!(matches!(
                clients,
                Some(Conflict::OwnPath {
                    key: "client.path",
                    ..
                })
            ));
            let nodes = conflict(|it| path.clone_into(&mut it.cluster.channel_name));
            assert!(matches!(
                nodes,
                Some(Conflict::OwnPath {
                    key: "channel_name",
                    ..
                })
            ));
        }
        let one = conflict(|it| it.client.path = it.cluster.channel_name.clone());
        assert!(matches!(one, Some(Conflict::OnePath { .. })));
        let lonely = conflict(|it| it.cluster.seat = SeatPolicy::Edge);
        assert_eq!(lonely, Some(Conflict::LonelyEdge));
        for url in ["https://a/who", "nonsense", "/who"] {
            let wrong = conflict(|it| it.client.authentication_url = Some(url.to_owned()));
            assert!(
                matches!(wrong, Some(Conflict::AuthenticationUrl { .. })),
                "{url}"
            );
        }
        let token = conflict(|it| it.client.authentication_token = Some("t".repeat(16)));
        assert_eq!(token, Some(Conflict::TokenForNobody));
    }
}
