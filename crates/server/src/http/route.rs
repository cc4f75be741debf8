//! Which request goes where.

use http::Method;
use http::header::ALLOW;
use percent_encoding::percent_decode_str;

use super::ApiError;
use super::api_error_code::ApiErrorCode;
use crate::config::ServerOptions;

/// Where the echo is, when `client.echo` asks for one.
const ECHO_PATH: &str = "/echo";

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `GET /healthz`
    Alive,
    /// `GET /readyz`
    Ready,
    /// `GET /api/v1/cluster`
    Cluster,
    /// `GET /metrics`
    Metrics,
    /// `POST /api/v1/connections/{id}/messages`, and the same of users and groups, and
    /// `POST /api/v1/messages` to everybody.
    Messages(Recipients),
    /// `DELETE /api/v1/nodes/{name}`
    Remove(String),
    /// The WebSocket endpoint of clients.
    Client,
    /// The WebSocket that answers each message with itself.
    Echo,
    /// The WebSocket endpoint of other nodes.
    Channel,
}

/// Whom a message that came by HTTP is for, as its path says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recipients {
    Connection(String),
    User(String),
    Group(String),
    Everybody,
}

impl Route {
    pub(super) fn find(
        method: &Method,
        path: &str,
        options: &ServerOptions,
    ) -> Result<Route, ApiError> {
        let (route, allowed) = match path {
            "/healthz" => (Route::Alive, "GET, HEAD"),
            "/readyz" => (Route::Ready, "GET, HEAD"),
            "/api/v1/cluster" => (Route::Cluster, "GET, HEAD"),
            "/metrics" => (Route::Metrics, "GET, HEAD"),
            path if path == options.client.path => (Route::Client, "GET"),
            ECHO_PATH if options.client.echo => (Route::Echo, "GET"),
            path if path == options.cluster.channel_name => (Route::Channel, "GET"),
            path => match (recipients_of(path), node_of(path)) {
                (Some(recipients), _) => (Route::Messages(recipients), "POST"),
                (None, Some(name)) => (Route::Remove(name.to_owned()), "DELETE"),
                (None, None) => {
                    let message = format!("nothing is served at {path}");
                    return Err(ApiError::of(ApiErrorCode::NoSuchPath, message));
                }
            },
        };
        if allowed.split(", ").any(|name| name == method.as_str()) {
            return Ok(route);
        }
        let message = format!("{path} is asked with {allowed}");
        let error = ApiError::of(ApiErrorCode::MethodNotAllowed, message);
        Err(error.with_header(ALLOW, allowed))
    }
}

fn recipients_of(path: &str) -> Option<Recipients> {
    let path = path.strip_prefix("/api/v1/")?;
    if path == "messages" {
        return Some(Recipients::Everybody);
    }
    let (kind, name) = path.strip_suffix("/messages")?.split_once('/')?;
    if name.is_empty() || name.contains('/') {
        return None;
    }
    // A name may hold what a path may not (RFC 3986 §2.1).
    let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    match kind {
        "connections" => Some(Recipients::Connection(name)),
        "users" => Some(Recipients::User(name)),
        "groups" => Some(Recipients::Group(name)),
        _ => None,
    }
}

fn node_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/api/v1/nodes/")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn find(method: Method, path: &str) -> Result<Route, (StatusCode, &'static str)> {
        Route::find(&method, path, &ServerOptions::default())
            .map_err(|error| (error.status, error.code))
    }

    #[test]
    fn each_path_has_its_route() {
        assert_eq!(find(Method::GET, "/healthz"), Ok(Route::Alive));
        assert_eq!(find(Method::HEAD, "/readyz"), Ok(Route::Ready));
        assert_eq!(find(Method::GET, "/metrics"), Ok(Route::Metrics));
        assert_eq!(find(Method::GET, "/ws"), Ok(Route::Client));
        assert_eq!(find(Method::GET, "/cluster"), Ok(Route::Channel));
        assert_eq!(
            find(Method::POST, "/api/v1/connections/~x/messages"),
            Ok(Route::Messages(Recipients::Connection("~x".to_owned())))
        );
        assert_eq!(
            find(Method::POST, "/api/v1/users/a%2Fb%20c/messages"),
            Ok(Route::Messages(Recipients::User("a/b c".to_owned())))
        );
        assert_eq!(
            find(Method::POST, "/api/v1/groups/news/messages"),
            Ok(Route::Messages(Recipients::Group("news".to_owned())))
        );
        assert_eq!(
            find(Method::POST, "/api/v1/messages"),
            Ok(Route::Messages(Recipients::Everybody))
        );
        assert_eq!(
            find(Method::DELETE, "/api/v1/nodes/n1"),
            Ok(Route::Remove("n1".to_owned()))
        );
    }

    #[test]
    fn the_echo_is_there_only_when_it_is_asked_for() {
        let mut options = ServerOptions::default();
        assert!(Route::find(&Method::GET, ECHO_PATH, &options).is_err());
        options.client.echo = true;
        let found = Route::find(&Method::GET, ECHO_PATH, &options);
        assert!(matches!(found, Ok(Route::Echo)));
    }

    #[test]
    fn other_paths_and_methods_are_told_apart() {
        let no_such_path = Err((StatusCode::NOT_FOUND, "no_such_path"));
        for path in [
            "/",
            "/api/v1/nodes/",
            "/api/v1/nodes/a/b",
            "/api/v1/connections//messages",
            "/api/v1/connections/a/b/messages",
            "/api/v1/users/%ff/messages",
            "/api/v1/planets/mars/messages",
        ] {
            assert_eq!(find(Method::POST, path), no_such_path, "{path}");
        }
        let not_allowed = Err((StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
        assert_eq!(find(Method::POST, "/api/v1/cluster"), not_allowed);
        assert_eq!(find(Method::GET, "/api/v1/nodes/n1"), not_allowed);
        assert_eq!(
            find(Method::GET, "/api/v1/connections/~x/messages"),
            not_allowed
        );
    }
}
