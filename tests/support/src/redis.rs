use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A `redis-server` of a test's own, on a port and in a folder of its own. It ends with this value.
pub struct RedisServer {
    port: u16,
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
        Self::launch("Ready to accept connections", |port, folder| {
            let port = port.to_string();
            let first = ["--port", &port, "--bind", "127.0.0.1", "--dir", folder];
            let nothing_is_saved = ["--save", "", "--appendonly", "no"];
            // A replica would wait five seconds for others.
            let at_once = ["--repl-diskless-sync-delay", "0"];
            let all = first.iter().chain(&nothing_is_saved).chain(&at_once);
            let all = all.chain(settings);
            all.map(|it| (*it).to_owned()).collect()
        })
    }

    /// Starts a Sentinel that promotes a replica when this primary, named `primary`, ends.
    pub fn start_sentinel(primary: &Self) -> Option<Self> {
        Self::launch("+monitor master primary", |port, folder| {
            let file = format!("{folder}/sentinel.conf");
            let settings = format!(
                "port {port}\nbind 127.0.0.1\ndir {folder}\n\
                 sentinel monitor primary 127.0.0.1 {} 1\n\
                 sentinel down-after-milliseconds primary 300\n\
                 sentinel failover-timeout primary 3000\n",
                primary.port
            );
            fs::write(&file, settings).unwrap();
            vec![file, "--sentinel".to_owned()]
        })
    }

    fn launch(ready: &'static str, arguments: impl Fn(u16, &str) -> Vec<String>) -> Option<Self> {
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
        // Another process may take the port between the two steps.
        for _ in 0..20 {
            let (port, folder) = (free_port(), new_folder());
            let server = Self {
                port,
                arguments: arguments(port, folder.to_str().unwrap()),
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
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines();
        let is_ready = log.any(|line| line.unwrap().contains(self.ready));
        if !is_ready {
            process.wait().unwrap();
            return false;
        }
        // A full pipe would stop it.
        thread::spawn(move || log.for_each(drop));
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
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
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

/// A Redis Cluster of three nodes without replicas.
#[derive(Debug)]
pub struct RedisCluster(Vec<RedisServer>);

impl RedisCluster {
    /// Starts a cluster, and waits until each node knows that it is complete. `None` as
    /// [`RedisServer::start`].
    pub fn start() -> Option<Self> {
        let nodes: Vec<_> = (0..3).map(|_| node()).collect::<Option<_>>()?;
        let ranges = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for ((node, _), (first, last)) in nodes.iter().zip(ranges) {
            assert_eq!(
                node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]),
                "OK"
            );
        }
        for (node, bus) in &nodes[1..] {
            meet(&nodes[0].0, node, bus);
        }
        let cluster = Self(nodes.into_iter().map(|(node, _)| node).collect());
        cluster.wait();
        Some(cluster)
    }

    /// Waits until each running node knows that all nodes are there.
    pub fn wait(&self) {
        let is_complete = |node: &RedisServer| {
            let info = node.command(&["CLUSTER", "INFO"]);
            let has = |line| info.contains(line);
            has("cluster_state:ok") && has("cluster_slots_ok:16384") && has("cluster_size:3")
        };
        while !self.0.iter().all(is_complete) {
            thread::yield_now();
        }
    }

    /// Adds a replica of a node, and waits until it has the node's values and all other nodes know
    /// it.
    pub fn add_replica(&self, of: &RedisServer) -> RedisServer {
        let (replica, bus) = node().unwrap();
        meet(of, &replica, &bus);
        let id = of.command(&["CLUSTER", "MYID"]);
        // It has to hear of the node first.
        while replica.command(&["CLUSTER", "REPLICATE", &id]) != "OK" {
            thread::yield_now();
        }
        while !replica.command(&["ROLE"]).contains("connected") {
            thread::yield_now();
        }
        let knows = |node: &RedisServer, other: &RedisServer| {
            let id = other.command(&["CLUSTER", "MYID"]);
            let nodes = node.command(&["CLUSTER", "NODES"]);
            let line = nodes.lines().find(|line| line.starts_with(&id));
            line.is_some_and(|line| !line.contains("handshake") && line.contains(" connected"))
        };
        for node in self.0.iter().filter(|node| node.is_running()) {
            while !knows(node, &replica) || !knows(&replica, node) {
                thread::yield_now();
            }
        }
        replica
    }

    /// The URLs of its nodes.
    pub fn urls(&self) -> Vec<String> {
        self.0.iter().map(RedisServer::url).collect()
    }

    /// Its nodes. The first one has the slots from 0 to 5460.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.0
    }

    /// The node that has this key.
    pub fn node_of(&self, key: &str) -> &RedisServer {
        let slot = self.0[0].command(&["CLUSTER", "KEYSLOT", key]);
        let slot: usize = slot.parse().unwrap();
        &self.0[slot / 5461]
    }
}

/// A node of a cluster, and its port for other nodes.
fn node() -> Option<(RedisServer, String)> {
    let bus = free_port().to_string();
    let settings = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    let timeout = ["--cluster-node-timeout", "1000"];
    let tolerant = ["--cluster-require-full-coverage", "no"];
    let settings = [&settings[..], &timeout, &tolerant].concat();
    RedisServer::start_with(&settings).map(|node| (node, bus))
}

fn meet(one: &RedisServer, other: &RedisServer, bus: &str) {
    let port = other.port().to_string();
    let meet = one.command(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
    assert_eq!(meet, "OK");
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
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn new_folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("obo-redis-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}
