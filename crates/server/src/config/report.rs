//! What a configuration comes to, in words.

use raftwire_environment::Disk;

use super::load::Loaded;
use super::{Key, Origin, ServerOptions, Sources, keys};

/// What a configuration comes to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// What a node would be told; what is wrong is at its default.
    pub options: ServerOptions,
    /// Each key with its value, as a line of a configuration file, and where that came from.
    /// Confidential values are dots. A key that nobody set and that has no default is left out.
    pub values: Vec<(String, Origin)>,
    /// Everything that is wrong, each with its place.
    pub errors: Vec<String>,
}

/// Reads all sources, as a node would, and says what they come to. Nothing is started.
pub fn report(sources: &Sources, disk: &dyn Disk) -> Report {
    let loaded = Loaded::from(sources, disk);
    let mut errors: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
    if errors.is_empty() {
        let exposed = loaded.options.require_secret_or_loopback();
        errors.extend(exposed.err().map(|exposed| exposed.to_string()));
        let conflict = loaded.options.check_conflicts();
        errors.extend(conflict.err().map(|conflict| conflict.to_string()));
        let conflict = loaded.options.check_tls();
        errors.extend(conflict.err().map(|conflict| conflict.to_string()));
        errors.extend(loaded.options.check_files(disk));
    }
    let values = keys().filter_map(|key| value(key, &loaded)).collect();
    Report {
        options: loaded.options,
        values,
        errors,
    }
}

fn value(key: &Key, loaded: &Loaded) -> Option<(String, Origin)> {
    let mut strongest_first = loaded.settings.iter().rev();
    let (text, origin) = match strongest_first.find(|setting| setting.key.name == key.name) {
        Some(setting) if key.confidential => ("\"…\"".to_owned(), setting.origin.clone()),
        Some(setting) => (setting.value.toml(), setting.origin.clone()),
        None => {
            let default = super::Value::Bare(key.default?.to_owned());
            (default.toml(), Origin::Default)
        }
    };
    Some((format!("{} = {text}", key.name), origin))
}
