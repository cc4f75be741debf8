//! TLS on the port, and between the nodes.

use super::{PLAIN, put};
use crate::config::key::Key;

pub(super) static TLS: &[Key] = &[
    Key {
        name: "tls.certificate",
        allowed: "the path of a PEM file",
        example: "\"node1.pem\"",
        help: "The certificate that clients are shown, followed by those that lead to its authority. With it the \
               port speaks TLS and nothing else, and so do nodes with each other. Default: none, no TLS",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.certificate, value.file()),
        ..PLAIN
    },
    Key {
        name: "tls.key",
        allowed: "the path of a PEM file",
        example: "\"node1-key.pem\"",
        help: "The private key of tls.certificate, without a password. Default: none",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.key, value.file()),
        ..PLAIN
    },
    Key {
        name: "tls.node_certificate",
        allowed: "the path of a PEM file",
        example: "\"node1.pem\"",
        help: "The certificate that other nodes are shown, which names this one: \
               raftwire://<cluster_name>/<node_id>. Default: tls.certificate",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.node_certificate, value.file()),
        ..PLAIN
    },
    Key {
        name: "tls.node_key",
        allowed: "the path of a PEM file",
        example: "\"node1-key.pem\"",
        help: "The private key of tls.node_certificate. Default: tls.key",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.node_key, value.file()),
        ..PLAIN
    },
    Key {
        name: "tls.node_authorities",
        allowed: "the path of a PEM file",
        example: "\"authority.pem\"",
        help: "The authorities that sign the certificates of nodes. Default: none, allowed in a cluster of one \
               only",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.node_authorities, value.file()),
        ..PLAIN
    },
    Key {
        name: "tls.node_certificate_required",
        allowed: "true or false",
        default: Some("true"),
        reason: "Without it only the secret proves who dials",
        help: "Whether a node that dials must show a certificate that names it",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.tls.node_certificate_required, value.boolean()),
        ..PLAIN
    },
];
