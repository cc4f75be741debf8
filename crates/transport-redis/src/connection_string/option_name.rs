use super::InvalidRedisConnectionString;

/// What an option is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionName {
    AbortConnect,
    ChannelPrefix,
    CheckCertificateRevocation,
    ConnectTimeout,
    Password,
    Proxy,
    ServiceName,
    Ssl,
    SslHost,
    Tunnel,
    User,
    /// Tunes StackExchange.Redis itself, or databases and keys, which Pub/Sub has not.
    WithoutEffect,
}

/// The options of StackExchange.Redis, as its documentation spells them.
const NAMES: &[(&str, OptionName)] = &[
    ("abortConnect", OptionName::AbortConnect),
    ("allowAdmin", OptionName::WithoutEffect),
    ("asyncTimeout", OptionName::WithoutEffect),
    ("channelPrefix", OptionName::ChannelPrefix),
    (
        "checkCertificateRevocation",
        OptionName::CheckCertificateRevocation,
    ),
    ("configChannel", OptionName::WithoutEffect),
    ("configCheckSeconds", OptionName::WithoutEffect),
    ("connectRetry", OptionName::WithoutEffect),
    ("connectTimeout", OptionName::ConnectTimeout),
    ("defaultDatabase", OptionName::WithoutEffect),
    ("heartbeatConsistencyChecks", OptionName::WithoutEffect),
    ("heartbeatInterval", OptionName::WithoutEffect),
    ("highIntegrity", OptionName::WithoutEffect),
    ("keepAlive", OptionName::WithoutEffect),
    ("name", OptionName::WithoutEffect),
    ("password", OptionName::Password),
    ("preserveAsyncOrder", OptionName::WithoutEffect),
    ("protocol", OptionName::WithoutEffect),
    ("proxy", OptionName::Proxy),
    ("resolveDns", OptionName::WithoutEffect),
    ("responseTimeout", OptionName::WithoutEffect),
    ("serviceName", OptionName::ServiceName),
    ("setlib", OptionName::WithoutEffect),
    ("ssl", OptionName::Ssl),
    ("sslHost", OptionName::SslHost),
    ("sslProtocols", OptionName::WithoutEffect),
    ("syncTimeout", OptionName::WithoutEffect),
    ("tiebreaker", OptionName::WithoutEffect),
    ("tunnel", OptionName::Tunnel),
    ("user", OptionName::User),
    ("version", OptionName::WithoutEffect),
    ("writeBuffer", OptionName::WithoutEffect),
];

impl OptionName {
    /// Finds an option by its name, in any case.
    pub(super) fn find(name: &str) -> Result<Self, InvalidRedisConnectionString> {
        let mut names = NAMES.iter();
        let found = names.find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, option)) = found {
            return Ok(*option);
        }
        let lower = name.to_ascii_lowercase();
        let nearest = NAMES.iter().map(|(known, _)| *known).max_by(|a, b| {
            let likeness = |known: &str| strsim::jaro_winkler(&lower, &known.to_ascii_lowercase());
            likeness(a).total_cmp(&likeness(b))
        });
        Err(InvalidRedisConnectionString::UnknownOption {
            name: name.to_owned(),
            nearest: nearest.unwrap_or("password"),
        })
    }
}
