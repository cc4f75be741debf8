//! For a Prometheus server.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::Full;

use super::answer::Answer;
use crate::metrics::{self, Figures};
use crate::node::Node;

pub(super) fn exposition(node: &Arc<Node>) -> Answer {
    let text = metrics::exposition(&Figures {
        cluster: node.manager.metrics(),
        clients: &node.sessions.counters,
        hook: &node.hook,
    });
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(metrics::CONTENT_TYPE),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
