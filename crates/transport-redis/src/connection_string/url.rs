use raftwire_transport::broker::{self, ConnectionOption, Secret};

use super::InvalidRedisConnectionString;
use super::parts::Parts;

/// Reads what follows `scheme://`.
pub(super) fn parse(scheme: &str, rest: &str) -> Result<Parts, InvalidRedisConnectionString> {
    let mut parts = Parts::default();
    match scheme.to_ascii_lowercase().as_str() {
        "redis" => {}
        "rediss" => parts.tls = true,
        "redis-sentinel" => parts.must_have_service = true,
        "rediss-sentinel" => {
            parts.must_have_service = true;
            parts.tls = true;
        }
        _ => {
            let scheme = broker::shown_scheme(scheme);
            return Err(InvalidRedisConnectionString::Scheme { scheme });
        }
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, servers) = match authority.rsplit_once('@') {
        Some((login, servers)) => (Some(login), servers),
        None => (None, authority),
    };
    if let Some(login) = login {
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (unescaped(user, "user")?, Some(password)),
            None => (unescaped(login, "user")?, None),
        };
        parts.user = (!user.is_empty()).then(|| Secret::new(user));
        if let Some(password) = password.filter(|password| !password.is_empty()) {
            parts.password = Some(Secret::new(unescaped(password, "password")?));
        }
    }
    let servers = servers.split(',').filter(|server| !server.is_empty());
    parts.servers = servers.map(str::to_owned).collect();
    let path = unescaped(path.trim_end_matches('/'), "path")?;
    if parts.must_have_service && !path.is_empty() {
        parts.service = Some(path);
    } else if !path.bytes().all(|byte| byte.is_ascii_digit()) {
        let database = ConnectionOption::new("defaultDatabase", &path);
        let expected = "a number, behind the last / of the URL";
        return Err(database.must_be(expected).into());
    }
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        parts.set(name, &unescaped(value, "query")?)?;
    }
    Ok(parts)
}

/// Undoes `%40` and the like.
fn unescaped(text: &str, part: &'static str) -> Result<String, InvalidRedisConnectionString> {
    broker::unescaped(text).map_err(|_| InvalidRedisConnectionString::Escape { part })
}
