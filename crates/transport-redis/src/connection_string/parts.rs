use std::time::Duration;

use raftwire_transport::broker::{HostPort, Secret};

use super::option_name::OptionName;
use super::{CONNECT_TIMEOUT_DEFAULT, InvalidRedisConnectionString, RedisConnectionString};

/// Port of a server, and of one that watches servers.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The longest that connecting may be set to take: beyond it somebody has mistaken the unit.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// The longest prefix of the channels' names.
const CHANNEL_PREFIX_BYTES_MAX: usize = 128;

/// What has been read of a connection string.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) servers: Vec<String>,
    pub(super) tls: bool,
    pub(super) user: Option<Secret>,
    pub(super) password: Option<Secret>,
    pub(super) service: Option<String>,
    /// Whether the scheme says that the servers are Sentinels.
    pub(super) must_have_service: bool,
    tls_host: Option<String>,
    connect_timeout: Option<Duration>,
    aborts: bool,
    channel_prefix: String,
}

impl Parts {
    pub(super) fn set(
        &mut self,
        name: &str,
        value: &str,
    ) -> Result<(), InvalidRedisConnectionString> {
        let text = || (!value.is_empty()).then(|| value.to_owned());
        match OptionName::find(name)? {
            OptionName::AbortConnect => self.aborts = boolean("abortConnect", value)?,
            OptionName::ChannelPrefix => self.channel_prefix = prefix(value)?,
            OptionName::CheckCertificateRevocation => {
                if boolean("checkCertificateRevocation", value)? {
                    return Err(InvalidRedisConnectionString::Unsupported {
                        name: "checkCertificateRevocation",
                        reason: "revocation lists are not fetched; leave it out, and give \
                                 certificates short lives",
                    });
                }
            }
            OptionName::ConnectTimeout => self.connect_timeout = Some(timeout(value)?),
            OptionName::Password => self.password = text().map(Secret::new),
            OptionName::Proxy => {
                if !value.eq_ignore_ascii_case("none") {
                    return Err(InvalidRedisConnectionString::Unsupported {
                        name: "proxy",
                        reason: "proxies for keys do not carry Pub/Sub; name the server itself",
                    });
                }
            }
            OptionName::ServiceName => self.service = text(),
            OptionName::Ssl => self.tls = boolean("ssl", value)?,
            OptionName::SslHost => self.tls_host = text(),
            OptionName::Tunnel => {
                return Err(InvalidRedisConnectionString::Unsupported {
                    name: "tunnel",
                    reason: "connect to the server itself",
                });
            }
            OptionName::User => self.user = text().map(Secret::new),
            OptionName::WithoutEffect => {}
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<RedisConnectionString, InvalidRedisConnectionString> {
        if self.must_have_service && self.service.is_none() {
            return Err(InvalidRedisConnectionString::NoService);
        }
        let port = match self.service {
            Some(_) => SENTINEL_PORT,
            None => PORT,
        };
        let endpoints = (1..).zip(&self.servers).map(|(position, server)| {
            HostPort::parse(server, port).ok_or(InvalidRedisConnectionString::Server { position })
        });
        let endpoints: Vec<HostPort> = endpoints.collect::<Result<_, _>>()?;
        if endpoints.is_empty() {
            return Err(InvalidRedisConnectionString::NoServer);
        }
        Ok(RedisConnectionString {
            endpoints,
            tls: self.tls,
            tls_host: self.tls_host,
            user: self.user,
            password: self.password,
            service: self.service,
            connect_timeout: self.connect_timeout.unwrap_or(CONNECT_TIMEOUT_DEFAULT),
            waits_for_broker: !self.aborts,
            channel_prefix: self.channel_prefix,
        })
    }
}

fn boolean(name: &'static str, value: &str) -> Result<bool, InvalidRedisConnectionString> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(InvalidRedisConnectionString::Value {
            name,
            expected: "true or false",
        }),
    }
}

fn timeout(value: &str) -> Result<Duration, InvalidRedisConnectionString> {
    let milliseconds = value.parse().ok().map(Duration::from_millis);
    milliseconds
        .filter(|timeout| !timeout.is_zero() && *timeout <= CONNECT_TIMEOUT_MAX)
        .ok_or(InvalidRedisConnectionString::Value {
            name: "connectTimeout",
            expected: "a number of milliseconds from 1 to 60000",
        })
}

fn prefix(value: &str) -> Result<String, InvalidRedisConnectionString> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'{' && byte != b'}';
    if value.len() > CHANNEL_PREFIX_BYTES_MAX || !value.bytes().all(is_plain) {
        return Err(InvalidRedisConnectionString::Value {
            name: "channelPrefix",
            expected: "at most 128 printable characters without { and }",
        });
    }
    Ok(value.to_owned())
}
