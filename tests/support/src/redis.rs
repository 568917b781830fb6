use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

mod cluster;

pub use cluster::RedisCluster;

/// How long a server may take for anything. A busy machine takes seconds, a fault takes for ever.
const LIMIT: Duration = Duration::from_secs(60);

/// A `redis-server` of a test's own, on a port and in a folder of its own. It ends with this value.
pub struct RedisServer {
    port: u16,
    second_port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    /// The line of its log that says that it accepts connections.
    ready: &'static str,
    process: Mutex<Option<Child>>,
}

impl RedisServer {
    /// Starts a server. `None` if `redis-server` is not installed, except in CI, where it panics.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// As [`start`](Self::start), with settings such as `["--maxmemory", "1mb"]`.
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        Self::start_server(None, settings)
    }

    /// As [`start_with`](Self::start_with), with a second port for this setting, such as
    /// `--tls-port`.
    pub fn start_with_port(setting: &str, settings: &[&str]) -> Option<Self> {
        Self::start_server(Some(setting), settings)
    }

    fn start_server(second: Option<&str>, settings: &[&str]) -> Option<Self> {
        Self::launch("Ready to accept connections", |ports, folder| {
            let [port, second_port] = ports.map(|port| port.to_string());
            let first = ["--port", &port, "--bind", "127.0.0.1", "--dir", folder];
            let second = second.map(|setting| [setting, &second_port]);
            let second = second.as_slice().as_flattened();
            let nothing_is_saved = ["--save", "", "--appendonly", "no"];
            // A replica would wait five seconds for others.
            let at_once = ["--repl-diskless-sync-delay", "0"];
            let all = [&first, second, &nothing_is_saved, &at_once, settings].concat();
            all.into_iter().map(str::to_owned).collect()
        })
    }

    /// Starts a Sentinel that promotes a replica when this primary, named `primary`, ends.
    pub fn start_sentinel(primary: &Self) -> Option<Self> {
        Self::launch("+monitor master primary", |[port, _], folder| {
            let file = format!("{folder}/sentinel.conf");
            let settings = format!(
                "port {port}\nbind 127.0.0.1\ndir {folder}\n\
                 sentinel monitor primary 127.0.0.1 {} 1\n\
                 sentinel down-after-milliseconds primary 1000\n\
                 sentinel failover-timeout primary 3000\n",
                primary.port
            );
            fs::write(&file, settings).unwrap();
            vec![file, "--sentinel".to_owned()]
        })
    }

    fn launch(
        ready: &'static str,
        arguments: impl Fn([u16; 2], &str) -> Vec<String>,
    ) -> Option<Self> {
        let found = Command::new("redis-server").arg("--version").output();
        if found.is_err() {
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "redis-server is not installed");
            #[expect(clippy::print_stdout, reason = "a skipped test says so")]
            {
                println!("redis-server is not installed: this test is skipped");
            }
            return None;
        }
        // Another process may take a port between the two steps.
        for _ in 0..20 {
            let (ports, folder) = (free_ports(), new_folder());
            let [port, second_port] = ports;
            let server = Self {
                port,
                second_port,
                arguments: arguments(ports, folder.to_str().unwrap()),
                folder,
                ready,
                process: Mutex::new(None),
            };
            if server.run() {
                return Some(server);
            }
        }
        panic!("redis-server did not start");
    }

    /// Starts the process and waits until it accepts connections. `false` if it has ended.
    fn run(&self) -> bool {
        let mut process = Command::new("redis-server")
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = self.ready;
        let (sender, is_ready) = mpsc::channel();
        // It reads to the end: a full pipe would stop the server.
        thread::spawn(move || {
            for _ in log.filter(|line| line.as_ref().is_ok_and(|line| line.contains(ready))) {
                let _ = sender.send(());
            }
        });
        let is_ready = is_ready.recv_timeout(LIMIT);
        if is_ready.is_err() {
            let _ = process.kill();
            process.wait().unwrap();
            assert_ne!(
                is_ready,
                Err(RecvTimeoutError::Timeout),
                "it does not start"
            );
            return false;
        }
        *self.process.lock().unwrap() = Some(process);
        true
    }

    /// The URL of its database 0.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// The port for connections without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of [`start_with_port`](Self::start_with_port).
    pub fn second_port(&self) -> u16 {
        self.second_port
    }

    /// The folder with its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stops it from working, with its connections open.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it work again.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Kills it.
    pub fn stop(&self) {
        let process = self.process.lock().unwrap().take();
        if let Some(mut process) = process {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn is_running(&self) -> bool {
        self.process.lock().unwrap().is_some()
    }

    /// Kills it and starts it again on the same port. Its values are lost.
    pub fn restart(&self) {
        self.stop();
        assert!(self.run(), "redis-server did not start again");
    }

    fn signal(&self, name: &str) {
        let process = self.process.lock().unwrap();
        let id = process.as_ref().unwrap().id();
        let kill = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Runs a command on a connection of its own. Returns the response as text: an error starts
    /// with `-`, and an array is one line for each part.
    pub fn command(&self, words: &[&str]) -> String {
        self.commands(&[words]).pop().unwrap()
    }

    /// Runs commands on one connection.
    pub fn commands(&self, commands: &[&[&str]]) -> Vec<String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut reader = BufReader::new(stream);
        let mut run = |words: &&[&str]| {
            let mut text = format!("*{}\r\n", words.len());
            for word in *words {
                text += &format!("${}\r\n{word}\r\n", word.len());
            }
            reader.get_mut().write_all(text.as_bytes()).unwrap();
            response(&mut reader)
        };
        commands.iter().map(&mut run).collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisServer({})", self.port)
    }
}

fn response(reader: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let line = line.trim_end();
    let count = || line[1..].parse::<usize>();
    match &line[..1] {
        "+" | ":" => line[1..].to_owned(),
        "$" => count().map_or(String::new(), |length| {
            let mut text = vec![0; length + 2];
            reader.read_exact(&mut text).unwrap();
            String::from_utf8_lossy(&text[..length]).into_owned()
        }),
        "*" => {
            let parts = (0..count().unwrap_or(0)).map(|_| response(reader));
            parts.collect::<Vec<_>>().join("\n")
        }
        _ => line.to_owned(),
    }
}

/// A port of the loopback address that was free a moment ago.
pub fn free_port() -> u16 {
    let [port, _] = free_ports();
    port
}

fn free_ports() -> [u16; 2] {
    // Both are bound at the same time, so they differ.
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Polls another process until something is so. Panics with what it sees after [`LIMIT`].
fn until(mut is_met: impl FnMut() -> bool, seen: impl Fn() -> String) {
    let start = Instant::now();
    while !is_met() {
        assert!(start.elapsed() < LIMIT, "after {LIMIT:?}:\n{}", seen());
        // A busy loop would take the core that the other process needs.
        thread::sleep(Duration::from_millis(10));
    }
}

fn new_folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("obo-redis-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}
