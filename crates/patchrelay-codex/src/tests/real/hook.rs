//! A project's prepare hook in the real sandbox.

use patchrelay_domain::{HookEnd, RunId};
use patchrelay_ports::{AgentRuntime, HookOrder};
use patchrelay_process::{Marker, leftovers};
use tokio::net::TcpListener;

use super::{SECRET, stage, text, write};
use crate::CodexRuntime;

#[tokio::test]
#[ignore = "needs codex: CODEX_BIN"]
async fn a_hook_writes_its_worktree_reaches_the_network_and_reads_no_secret() {
    let stage = stage(Vec::new()).await;
    let world = &stage.world;
    let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = server.local_addr().unwrap().port();
    let probe = format!(
        "#!/bin/bash\necho made > made\nexec 3<>/dev/tcp/127.0.0.1/{port} && echo reached >> made\n\
         env >> made\ncat ../secrets/key.txt ../home/config.toml >> made\n\
         touch ../outside && echo wrote-outside\ntouch .git/x && echo wrote-git\n\
         setsid sleep 600 >/dev/null 2>&1 &\nexit 7\n"
    );
    write(world, "hook", &probe);
    let hook = world.path("hook");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o500)).unwrap();
    let order = HookOrder {
        run: RunId::new("run-1"),
        program: text(&hook),
        directory: world.work(),
        variables: vec![("PATCHRELAY_STAGE".to_owned(), "ci_repair".to_owned())],
        is_trusted: false,
    };
    let ended = CodexRuntime::new(stage.config.clone()).run_hook(&order).await.unwrap();
    let HookEnd::Failed { status, output } = ended else { panic!("{ended:?}") };
    let made = std::fs::read_to_string(world.path("work/made")).unwrap();
    let all = format!("{status}\n{output}\n{made}");
    assert_eq!(status, "exit status: 7", "{all}");
    for line in ["made", "reached", "PATCHRELAY_STAGE=ci_repair"] {
        assert!(made.lines().any(|made| made == line), "{line}: {all}");
    }
    for forbidden in [SECRET, "wrote-outside", "wrote-git"] {
        assert!(!all.contains(forbidden), "{forbidden}: {all}");
    }
    assert!(output.contains("key.txt") && output.contains("config.toml"), "{output}");
    assert!(!world.path("outside").exists() && !world.path("trap").exists());
    let marker = Marker::new(&stage.config.instance, "run-1/hook");
    assert_eq!(leftovers(&marker).await.unwrap(), Vec::<u32>::new());
    stage.session.close().await;
}
