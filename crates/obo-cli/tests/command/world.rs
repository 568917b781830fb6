//! An authorization server, a folder with files, and the command.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use obo_testkit::TestIdp;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

pub(crate) struct World {
    pub(crate) idp: TestIdp,
    folder: PathBuf,
}

/// What a run of the command printed, with the names of this run replaced.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("obo-cli-{}-{number}", process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let idp = TestIdp::start().await;
        let client = idp.client("service-a").secret("s3cret");
        client.may_exchange_to("stock").may_request("stock");
        Self { idp, folder }
    }

    /// A service's file. `ISSUER` stands for the issuer.
    pub(crate) fn service(&self) -> String {
        self.file("service.toml", SERVICE)
    }

    /// Writes or replaces a file and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        // A process that watches the file sees no part of it.
        let new = self.folder.join(format!("{name}.new"));
        fs::write(&new, text.replace("ISSUER", self.idp.issuer())).unwrap();
        fs::rename(new, &path).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn alice(&self) -> String {
        self.idp
            .user("alice")
            .audience("service-a")
            .scope("orders:read")
            .mint()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_obo"));
        command
            .args(arguments)
            .env_remove("OBO_LOG")
            .env("NO_COLOR", "1");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Runs the command with this standard input.
    pub(crate) async fn run(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads nothing closes the pipe.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(
                input.len() < 20 || !text.contains(input),
                "the token is printed"
            );
            assert!(!text.contains("s3cret"), "a secret is printed: {text}");
            let text = text.replace(self.idp.issuer(), "ISSUER");
            let port = self.idp.issuer().rsplit(':').next().unwrap();
            let text = text.replace(&format!("127.0.0.1:{port}"), "HOST");
            text.replace(self.folder.to_str().unwrap(), "FOLDER")
        };
        Ran {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const SERVICE: &str = r#"
[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "ISSUER" }]

[client]
id = "service-a"
client_secret_basic = "s3cret"

[exchange]
issuer = "ISSUER"

[[destinations]]
uri = "https://stock.corp.example"
audience = "stock"

[[rules]]
path = "/orders/{id}"
methods = ["GET"]
scopes = ["orders:read"]
actors = ["web"]
"#;

impl Ran {
    /// The lines that have a mark of something wrong or unknown.
    pub(crate) fn wrong(&self) -> String {
        let lines = self.out.lines();
        let mut is_wrong = false;
        let lines = lines.filter(|line| {
            let first = line.chars().next().unwrap_or(' ');
            if first != ' ' {
                is_wrong = matches!(first, '✗' | '?');
            }
            is_wrong
        });
        let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        format!(
            "{}\nexit code {}\n",
            words.collect::<Vec<_>>().join("\n"),
            self.code
        )
    }

    /// The output with runs of blanks as one.
    pub(crate) fn plain(&self) -> String {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<_> = self.out.lines().map(words).collect();
        format!("{}\nexit code {}\n", lines.join("\n"), self.code)
    }
}
