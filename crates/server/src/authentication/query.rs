use std::fmt::Display;
use std::str::FromStr;

use async_trait::async_trait;

use super::{Authenticator, Denied, Identity, OpeningRequest};

/// Believes what the client says of itself in the query, as in `/ws?user=alice&name=alice@phone`.
///
/// For demonstrations, tests, and networks in which every client is trusted: any client may say
/// that it is any user, and take any name over.
#[derive(Clone, Copy, Debug, Default)]
pub struct FromQuery;

#[async_trait]
impl Authenticator for FromQuery {
    async fn authenticate(&self, request: &OpeningRequest) -> Result<Identity, Denied> {
        Ok(Identity {
            user: parameter(request, "user")?,
            name: parameter(request, "name")?,
            ..Identity::default()
        })
    }
}

/// The one value of a parameter, read.
fn parameter<T>(request: &OpeningRequest, name: &'static str) -> Result<Option<T>, Denied>
where
    T: FromStr,
    T::Err: Display,
{
    let mut values = request.parameter(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Denied::Malformed(format!(
            "{name} is in the query more than once"
        )));
    }
    if value.contains(char::REPLACEMENT_CHARACTER) {
        // What the bytes of the query became that are no text.
        return Err(Denied::Malformed(format!(
            "{name} in the query is not UTF-8"
        )));
    }
    let parsed = value.parse().map_err(|error: T::Err| {
        Denied::Malformed(format!("{name} = {value:?} in the query: {error}"))
    });
    parsed.map(Some)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    async fn authenticate(query: &str) -> Result<Identity, Denied> {
        let request = Request::get(format!("/ws?{query}")).body(()).unwrap();
        let remote = "127.0.0.1:1".parse().unwrap();
        let request = OpeningRequest::new("node1".parse().unwrap(), remote, &request);
        FromQuery.authenticate(&request).await
    }

    #[tokio::test]
    async fn user_and_name_are_read_from_the_query() {
        let identity = authenticate("user=alice&name=alice%40phone&page=2")
            .await
            .unwrap();

        assert_eq!(identity.user, Some("alice".parse().unwrap()));
        assert_eq!(identity.name, Some("alice@phone".parse().unwrap()));
        assert_eq!(authenticate("").await, Ok(Identity::default()));
    }

    #[tokio::test]
    async fn what_cannot_be_is_refused_with_its_reason() {
        for query in ["user=", "name=~x", "user=a&user=b", "name=a%0Ab"] {
            let denied = authenticate(query).await.expect_err(query);
            assert!(
                matches!(denied, Denied::Malformed(_)),
                "{query}: {denied:?}"
            );
        }
    }
}
