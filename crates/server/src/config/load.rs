//! Puts the three sources together.

use std::path::{Path, PathBuf};

use raftwire::InvalidOptions;
use raftwire_environment::Disk;

use super::value::Value;
use super::{ConfigError, Key, Origin, ServeFlags, ServerOptions, toml_file, variables};

/// Bytes of the largest configuration file that is read: a hundred times what the keys need.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// One key that one source sets.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: &'static Key,
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// The three sources, each stronger than the one before.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file; none is looked for where none is named.
    pub file: Option<PathBuf>,
    /// The process's environment.
    pub variables: Vec<(String, String)>,
    /// The flags.
    pub flags: ServeFlags,
}

/// Reads all sources and merges them, key by key.
///
/// # Errors
/// The first thing that is wrong, with the place to mend.
pub fn load(sources: &Sources, disk: &dyn Disk) -> Result<ServerOptions, ConfigError> {
    let loaded = Loaded::from(sources, disk);
    match loaded.errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(loaded.options),
    }
}

/// What all sources came to.
#[derive(Debug)]
pub(super) struct Loaded {
    /// What is right, over the defaults.
    pub(super) options: ServerOptions,
    /// Every key that a source sets, the weakest first.
    pub(super) settings: Vec<Setting>,
    /// Everything that is wrong.
    pub(super) errors: Vec<ConfigError>,
}

impl Loaded {
    pub(super) fn from(sources: &Sources, disk: &dyn Disk) -> Loaded {
        let mut read_settings = match &sources.file {
            Some(path) => match read(path, disk) {
                Ok(text) => toml_file::parse(path, &text),
                Err(error) => vec![Err(error)],
            },
            None => Vec::new(),
        };
        read_settings.extend(variables::parse(&sources.variables));
        read_settings.extend(sources.flags.settings());

        let mut options = ServerOptions::default();
        let (mut settings, mut errors) = (Vec::new(), Vec::new());
        for setting in read_settings {
            let applied = setting.and_then(|setting| {
                setting.apply(&mut options)?;
                Ok(setting)
            });
            match applied {
                Ok(setting) => settings.push(setting),
                Err(error) => errors.push(error),
            }
        }
        options.cluster.timings = options.timings_of_lanes();
        // What a wrong value leaves at its default would be blamed for not fitting.
        if errors.is_empty() {
            errors.extend(check(&options, &settings).err());
        }
        Loaded {
            options,
            settings,
            errors,
        }
    }
}

impl Setting {
    fn apply(&self, options: &mut ServerOptions) -> Result<(), ConfigError> {
        let Setting { key, origin, value } = self;
        (key.apply)(options, value).map_err(|unfit| ConfigError::Unfit {
            origin: origin.clone(),
            key: key.name,
            value: if key.confidential {
                "…".to_owned()
            } else {
                value.to_string()
            },
            allowed: key.allowed,
            reason: if key.confidential && !key.explains {
                String::new()
            } else {
                unfit.reason
            },
        })
    }
}

fn read(path: &Path, disk: &dyn Disk) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let bytes = disk.read(path).map_err(unreadable)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            bytes: bytes.len(),
            limit: FILE_BYTES_MAX,
        });
    }
    String::from_utf8(bytes)
        .map_err(|error| unreadable(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))
}

/// The library checks what single values cannot show; the place is that of the key it names.
fn check(options: &ServerOptions, settings: &[Setting]) -> Result<(), ConfigError> {
    let origin_of = |name: &str| {
        let mut strongest_first = settings.iter().rev();
        let strongest = strongest_first.find(|setting| setting.key.name == name);
        strongest.map_or(Origin::Default, |setting| setting.origin.clone())
    };
    options.cluster.validate().map_err(|source| {
        let name = match &source {
            InvalidOptions::OutOfRange { key, .. }
            | InvalidOptions::Malformed { key, .. }
            | InvalidOptions::NeedsSecret { key } => key,
            InvalidOptions::TwoAddresses { .. } => "nodes",
            _ => "node_id",
        };
        let origin = origin_of(name);
        ConfigError::Invalid { origin, source }
    })?;
    let names_transport = origin_of("transport_type") != Origin::Default;
    options.check_lanes(names_transport).map_err(|source| {
        let origin = origin_of(source.key());
        ConfigError::Lanes { origin, source }
    })
}
