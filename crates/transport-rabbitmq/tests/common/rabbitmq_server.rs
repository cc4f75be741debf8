//! A private broker, started and ended by its own ids.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Only a broker that does not start takes this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often ports are drawn that somebody else may take first: a broker has one for other brokers too.
const PORTS_MAX: usize = 5;

/// Ports of brokers; those of the server's tests are below.
const PORTS: Range<u16> = 22_000..32_000;

/// Where Debian has the programs; the ones in sbin switch the user.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

pub struct RabbitMQServer {
    pub port: u16,
    epmd_port: u16,
    dir: TempDir,
    child: Child,
    /// The daemon by which Erlang's nodes find each other: every broker has one of its own.
    epmd: Child,
}

impl RabbitMQServer {
    pub fn start() -> Self {
        Self::start_with(|_, _| String::new())
    }

    /// A broker with further settings, as in `rabbitmq.conf`, which may depend on its port and its
    /// folder.
    pub fn start_with(settings: impl Fn(u16, &Path) -> String) -> Self {
        for _ in 0..PORTS_MAX {
            let [port, epmd_port] = free_ports();
            let dir = tempfile::tempdir().unwrap();
            let mut text = settings(port, dir.path());
            if !text.contains("listeners.") {
                writeln!(text, "listeners.tcp.1 = 127.0.0.1:{port}").unwrap();
            }
            // A test's nodes are few, and the disk is the machine's affair.
            text.push_str("disk_free_limit.absolute = 1MB\n");
            std::fs::write(dir.path().join("rabbitmq.conf"), text).unwrap();
            std::fs::write(dir.path().join("enabled_plugins"), "[].").unwrap();
            // The same cookie for the broker and for who administers it.
            std::fs::write(dir.path().join(".erlang.cookie"), "RAFTWIRETEST").unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o400);
            std::fs::set_permissions(dir.path().join(".erlang.cookie"), private).unwrap();
            let epmd = launch_epmd(epmd_port);
            let child = launch(epmd_port, &dir);
            let mut server = Self {
                port,
                epmd_port,
                dir,
                child,
                epmd,
            };
            if server.is_up_in_time() {
                return server;
            }
        }
        panic!("the broker found no free port");
    }

    pub fn url(&self) -> String {
        format!("amqp://127.0.0.1:{}", self.port)
    }

    /// Ends the process at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same port.
    pub fn restart(&mut self) {
        for _ in 0..PORTS_MAX {
            self.child = launch(self.epmd_port, &self.dir);
            if self.is_up_in_time() {
                return;
            }
        }
        panic!("it does not start again: {}", self.log());
    }

    /// Stops the process for a while; the system keeps its connections.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(status.success());
    }

    /// Asks the broker's own administration; returns the answer.
    pub fn ctl(&self, command: &[&str]) -> String {
        let mut program = self.program("rabbitmqctl");
        let output = program.arg("-q").args(command).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", words(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn program(&self, name: &str) -> Command {
        program(name, self.epmd_port, self.dir.path())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("output")).unwrap_or_default()
    }

    /// Waits until it answers; false when it has ended instead, which a port that is taken does.
    fn is_up_in_time(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!(
            "the broker on port {} does not answer: {}",
            self.port,
            self.log()
        );
    }
}

impl Drop for RabbitMQServer {
    fn drop(&mut self) {
        // They may have been ended by the test.
        for process in [&mut self.child, &mut self.epmd] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn words(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

fn launch_epmd(port: u16) -> Child {
    let port = port.to_string();
    let mut epmd = Command::new("epmd");
    epmd.args(["-address", "127.0.0.1", "-port", &port]);
    epmd.stdout(Stdio::null()).stderr(Stdio::null());
    epmd.spawn()
        .unwrap_or_else(|error| panic!("epmd: {error}. Install it: apt install rabbitmq-server"))
}

fn launch(epmd_port: u16, dir: &TempDir) -> Child {
    let mut server = program("rabbitmq-server", epmd_port, dir.path());
    let output = std::fs::File::create(dir.path().join("output")).unwrap();
    server.stdout(output.try_clone().unwrap()).stderr(output);
    server.spawn().unwrap_or_else(|error| {
        panic!("{PROGRAMS}/rabbitmq-server: {error}. Install it: apt install rabbitmq-server")
    })
}

/// One of the broker's programs, with folders, a name and a cookie of its own.
fn program(name: &str, epmd_port: u16, dir: &Path) -> Command {
    let mut program = Command::new(format!("{PROGRAMS}/{name}"));
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let [dist_port] = free_ports();
    program.env_clear();
    for (variable, value) in [
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", path("")),
        ("LANG", "C.UTF-8".to_owned()),
        // The shell becomes the broker, so that its id is the broker's.
        ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        (
            "RABBITMQ_NODENAME",
            format!("raftwire{epmd_port}@localhost"),
        ),
        ("RABBITMQ_DIST_PORT", dist_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_EPMD_PORT", epmd_port.to_string()),
        ("RABBITMQ_MNESIA_BASE", path("mnesia")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_PID_FILE", path("pid")),
        // Else it stands where the test was started.
        ("ERL_CRASH_DUMP", path("erl_crash.dump")),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 -start_epmd false".to_owned(),
        ),
    ] {
        program.env(variable, value);
    }
    program
}

/// Ports that are free now, all different. Below those that the system hands to whoever dials: a broker that was killed finds its port free when
/// it comes back.
pub fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another process, another beginning.
    let start = (std::process::id() as u16).wrapping_mul(97);
    let mut drawn = std::iter::repeat_with(|| {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        PORTS.start + next % (PORTS.end - PORTS.start)
    })
    .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    [(); COUNT].map(|()| drawn.next().unwrap())
}
