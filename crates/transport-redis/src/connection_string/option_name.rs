use raftwire_transport::broker::InvalidOption;

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
    /// Finds an option by its name, in any case; and the spelling that errors show.
    pub(super) fn find(name: &str) -> Result<(Self, &'static str), InvalidOption> {
        let mut names = NAMES.iter();
        let found = names.find(|(known, _)| known.eq_ignore_ascii_case(name));
        match found {
            Some((known, option)) => Ok((*option, known)),
            None => Err(InvalidOption::unknown(
                name,
                NAMES.iter().map(|(known, _)| *known),
            )),
        }
    }
}
