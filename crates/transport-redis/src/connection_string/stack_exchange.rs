use super::InvalidRedisConnectionString;
use super::parts::Parts;

/// Reads `server,server,option=value,…`.
pub(super) fn parse(text: &str) -> Result<Parts, InvalidRedisConnectionString> {
    let mut parts = Parts::default();
    let mut options = false;
    for (position, part) in (1..).zip(text.split(',')) {
        let part = part.trim();
        match part.split_once('=') {
            Some((name, value)) => {
                options = true;
                let name = name.trim();
                // Commands that are to go by other names: Pub/Sub's are not renamed.
                if !name.starts_with('$') {
                    parts.set(name, value)?;
                }
            }
            None if part.is_empty() => {}
            None if options => return Err(InvalidRedisConnectionString::NotAnOption { position }),
            None => parts.servers.push(part.to_owned()),
        }
    }
    Ok(parts)
}
