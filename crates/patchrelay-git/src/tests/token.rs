//! The token for a remote, as the remote's own server sees it.

use std::{fs, path::Path, sync::Arc, time::Duration};

use patchrelay_domain::BranchName;
use patchrelay_ports::{WorkspaceError, Workspaces};
use patchrelay_process::{Command, Marker, leftovers};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use super::world::{config, project};
use crate::{GitWorkspaces, RemoteConfig};

/// Longer than git takes on a busy machine.
const PLENTY: Duration = Duration::from_secs(60);
const TOKEN: &str = "ghs_0123456789secret";
/// `x-access-token:ghs_0123456789secret` in base64.
const BASIC: &str = "Basic eC1hY2Nlc3MtdG9rZW46Z2hzXzAxMjM0NTY3ODlzZWNyZXQ=";
const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\n";

/// Reads one request and answers it with this head.
async fn serve(listener: &TcpListener, head: &str, meanwhile: impl AsyncFnOnce()) -> String {
    let (mut stream, _) = listener.accept().await.expect("somebody connects");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.expect("a whole request"));
    }
    meanwhile().await;
    let answer = format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.expect("it is read");
    String::from_utf8_lossy(&request).into_owned()
}

fn authorization(request: &str) -> Option<&str> {
    request.lines().find_map(|line| line.strip_prefix("Authorization: "))
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    (listener, address)
}

fn workspaces(dir: &Path, url: &str) -> GitWorkspaces {
    let token = Arc::new(SecretString::from(TOKEN));
    let remote = RemoteConfig {
        url: url.to_owned(),
        token: Some(token),
        worktree_root: dir.join("trees"),
        checkout: None,
    };
    GitWorkspaces::new(config(dir, remote)).expect("a usable configuration")
}

#[tokio::test]
async fn the_token_is_shown_to_the_remote_and_to_nobody_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, address) = listener().await;
    let workspaces = workspaces(dir.path(), &format!("{address}/acme/app.git"));
    let marker = Marker::new(&format!("test-{}", std::process::id()), "git");
    let ask = async {
        let branch = BranchName::new("trunk");
        workspaces.remote_branch(&project("app"), &branch).await
    };
    let answer = async {
        let first = serve(&server, UNAUTHORIZED, async || {}).await;
        let second = serve(&server, NOT_FOUND, async || {
            // git and its helpers run now; other tests' calls may be among them.
            let running = leftovers(&marker).await.expect("readable");
            assert!(!running.is_empty());
            for pid in running {
                for file in ["cmdline", "environ"] {
                    let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                    assert!(
                        !String::from_utf8_lossy(&text).contains(TOKEN),
                        "the token is in {file}"
                    );
                }
            }
        })
        .await;
        (first, second)
    };
    let talk = timeout(PLENTY, async { tokio::join!(ask, answer) });
    let (asked, (first, second)) = talk.await.expect("git asks twice");
    assert_eq!(authorization(&first), None);
    assert_eq!(authorization(&second), Some(BASIC));
    let Err(error @ WorkspaceError::Refused { .. }) = asked else { panic!("{asked:?}") };
    assert!(!format!("{error:?}").contains(TOKEN));
    let written =
        Command::new("grep", dir.path()).args(["-r", TOKEN, "."]).env("PATH", "/usr/bin:/bin");
    let found = written.run(PLENTY).await.expect("grep runs");
    assert_eq!(found.status.code(), Some(1), "the token is on the disk");
}

#[tokio::test]
async fn the_token_is_not_shown_to_where_the_remote_sends_us() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, address) = listener().await;
    let (other, elsewhere) = listener().await;
    let workspaces = workspaces(dir.path(), &format!("{address}/acme/app.git"));
    let ask = async {
        let branch = BranchName::new("trunk");
        workspaces.remote_branch(&project("app"), &branch).await
    };
    let answer = async {
        let to = format!(
            "HTTP/1.1 302 Found\r\nLocation: {elsewhere}/acme/app.git/info/refs?service=git-upload-pack\r\n"
        );
        serve(&server, &to, async || {}).await;
        serve(&other, UNAUTHORIZED, async || {}).await
    };
    let talk = timeout(PLENTY, async { tokio::join!(ask, answer) });
    let (asked, request) = talk.await.expect("git follows once");
    assert_eq!(authorization(&request), None);
    assert!(matches!(asked, Err(WorkspaceError::Refused { .. })), "{asked:?}");
    let silence = std::time::Duration::from_millis(1);
    assert!(
        tokio::time::timeout(silence, other.accept()).await.is_err(),
        "nobody came back with the token"
    );
}
