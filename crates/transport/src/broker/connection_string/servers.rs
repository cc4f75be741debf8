use std::fmt;

use super::HostPort;

/// The servers that a connection string names, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers(Vec<HostPort>);

/// A list of servers is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidServers {
    /// It is empty.
    Empty,
    /// An address is none. Its text is not kept, because a password may be part of it.
    Address {
        /// Its place in the list, from 1.
        position: usize,
    },
}

impl Servers {
    /// Reads addresses; the port is this one where none is given.
    ///
    /// # Errors
    ///
    /// See [`InvalidServers`].
    pub fn parse<'a>(
        addresses: impl IntoIterator<Item = &'a str>,
        default_port: u16,
    ) -> Result<Self, InvalidServers> {
        let servers = (1..).zip(addresses).map(|(position, address)| {
            HostPort::parse(address, default_port).ok_or(InvalidServers::Address { position })
        });
        let servers: Vec<HostPort> = servers.collect::<Result<_, _>>()?;
        match servers.is_empty() {
            true => Err(InvalidServers::Empty),
            false => Ok(Self(servers)),
        }
    }

    /// The servers, in the order in which they were named.
    pub fn as_slice(&self) -> &[HostPort] {
        &self.0
    }
}

impl fmt::Display for Servers {
    /// With commas between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{server}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_shown_as_they_were_read_with_their_ports() {
        let servers = Servers::parse(["a", "b:7", "[::1]"], 5).unwrap();
        assert_eq!(servers.to_string(), "a:5,b:7,[::1]:5");
    }

    #[test]
    fn what_is_no_server_is_told_by_its_place() {
        let wrong = Servers::parse(["a", "b:c"], 5);
        assert_eq!(wrong, Err(InvalidServers::Address { position: 2 }));
        assert_eq!(Servers::parse([], 5), Err(InvalidServers::Empty));
    }
}
