use std::time::Duration;

use raftwire_transport::broker::{ConnectionOption, InvalidOption, Secret, Servers};

use super::option_name::OptionName;
use super::{CONNECT_TIMEOUT_DEFAULT, InvalidRedisConnectionString, RedisConnectionString};

/// Port of a server, and of one that watches servers.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

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
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidOption> {
        let (name, known_as) = OptionName::find(name)?;
        let option = ConnectionOption::new(known_as, value);
        match name {
            OptionName::AbortConnect => self.aborts = option.boolean()?,
            OptionName::ChannelPrefix => self.channel_prefix = prefix(option)?,
            OptionName::CheckCertificateRevocation => {
                if option.boolean()? {
                    return Err(option.unsupported(
                        "revocation lists are not fetched; leave it out, and give certificates \
                         short lives",
                    ));
                }
            }
            OptionName::ConnectTimeout => self.connect_timeout = Some(option.connect_timeout()?),
            OptionName::Password => self.password = option.text().map(Secret::new),
            OptionName::Proxy => {
                if !value.eq_ignore_ascii_case("none") {
                    return Err(option.unsupported(
                        "proxies for keys do not carry Pub/Sub; name the server itself",
                    ));
                }
            }
            OptionName::ServiceName => self.service = option.text(),
            OptionName::Ssl => self.tls = option.boolean()?,
            OptionName::SslHost => self.tls_host = option.text(),
            OptionName::Tunnel => {
                return Err(option.unsupported("connect to the server itself"));
            }
            OptionName::User => self.user = option.text().map(Secret::new),
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
        let servers = Servers::parse(self.servers.iter().map(String::as_str), port)?;
        Ok(RedisConnectionString {
            servers,
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

fn prefix(option: ConnectionOption<'_>) -> Result<String, InvalidOption> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'{' && byte != b'}';
    let prefix = option.text().unwrap_or_default();
    if prefix.len() > CHANNEL_PREFIX_BYTES_MAX || !prefix.bytes().all(is_plain) {
        return Err(option.must_be("at most 128 printable characters without { and }"));
    }
    Ok(prefix)
}
