use std::sync::LazyLock;

use patchrelay_process::Marker;
use serde_json::json;

use super::{Place, overrides};
use crate::{CodexConfig, Confinement};

fn config() -> CodexConfig {
    let mut config = CodexConfig::new(vec!["codex".to_owned()], "here");
    let variables = [
        ("PATH", "/bin"),
        ("LANG", "C"),
        ("OPENAI_API_KEY", "secret"),
        ("HTTPS_PROXY", "http://proxy"),
    ];
    config.env = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    config
}

fn place(has_network: bool) -> Place<'static> {
    static MARKER: LazyLock<Marker> = LazyLock::new(|| Marker::new("here", "run-1"));
    Place { directory: "/nonexistent/tree", has_network, publishes: false, marker: &MARKER }
}

#[test]
fn commands_get_the_listed_variables_and_no_other() {
    let params = overrides(&config(), place(false), &[]);
    assert_eq!(
        params["config"]["shell_environment_policy"],
        json!({
            "inherit": "none",
            "include_only": ["HTTPS_PROXY", "LANG", "PATCHRELAY_RUN", "PATH", "SHLVL"],
            "set": {
                "HTTPS_PROXY": "http://proxy", "LANG": "C", "PATCHRELAY_RUN": "here/run-1", "PATH": "/bin",
                "SHLVL": "1",
            },
        })
    );
}

#[test]
fn the_profile_denies_the_home_of_codex_and_what_is_listed() {
    let mut config = config();
    config.deny_read = vec!["~/.ssh".to_owned()];
    let profile = |config: &CodexConfig, network| {
        let params = overrides(config, place(network), &[]);
        assert_eq!(params["permissions"], "patchrelay");
        assert!(!params.contains_key("sandbox"), "codex refuses both");
        params["config"]["permissions"]["patchrelay"].clone()
    };
    let files = json!({ "~/.ssh": "deny", "~/.codex": "deny" });
    let expected =
        json!({ "extends": ":workspace", "filesystem": files, "network": { "enabled": false } });
    assert_eq!(profile(&config, false), expected);
    let home = tempfile::tempdir().unwrap();
    config.codex_home = Some(home.path().to_owned());
    let with_network = profile(&config, true);
    assert_eq!(
        with_network["filesystem"],
        json!({ "~/.ssh": "deny", home.path().to_str().unwrap(): "deny" })
    );
    assert_eq!(with_network["network"]["enabled"], true);
}

#[test]
fn only_an_agent_that_publishes_may_write_to_its_repository_and_sees_the_credential() {
    let publishing = Place { publishes: true, ..place(true) };
    let mut config = config();
    let params = overrides(&config, publishing, &[]);
    let settings = &params["config"];
    let files = &settings["permissions"]["patchrelay"]["filesystem"];
    assert_eq!(files["/nonexistent/tree/.git"], "write");
    let environment = &settings["shell_environment_policy"];
    assert_eq!(
        (&environment["inherit"], &environment["ignore_default_excludes"]),
        (&json!("all"), &json!(true))
    );
    let names = environment["include_only"].as_array().expect("a list");
    assert!(names.contains(&json!("GH_TOKEN")) && names.contains(&json!("PATH")), "{names:?}");
    assert!(environment["set"]["GH_TOKEN"].is_null(), "codex keeps what it is told");
    config.confinement = Confinement::WorkspaceWrite;
    let sandbox = &overrides(&config, publishing, &[])["config"]["sandbox_workspace_write"];
    assert_eq!(sandbox["writable_roots"], json!(["/nonexistent/tree/.git"]));
}

#[test]
fn what_does_not_exist_is_not_made_by_denying_it() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    let mut config = config();
    config.env.push(("HOME".to_owned(), home.path().to_str().unwrap().to_owned()));
    config.deny_read = ["~/.ssh", "~/.config/gh", "/no/such/place"].map(str::to_owned).to_vec();
    let params = overrides(&config, place(false), &[]);
    let files = &params["config"]["permissions"]["patchrelay"]["filesystem"];
    assert_eq!(files, &json!({ "~/.ssh": "deny" }));
}

#[test]
fn instructions_are_given_only_where_there_are_some() {
    let mut config = config();
    assert!(!overrides(&config, place(false), &[]).contains_key("developerInstructions"));
    config.developer_instructions = Some("Be brief.".to_owned());
    assert_eq!(overrides(&config, place(false), &[])["developerInstructions"], "Be brief.");
}

#[test]
fn a_sandbox_of_codex_replaces_the_profile_only_by_choice() {
    let mut config = config();
    config.confinement = Confinement::WorkspaceWrite;
    let params = overrides(&config, place(true), &[]);
    assert_eq!(params["sandbox"], "workspace-write");
    assert_eq!(params["config"]["sandbox_workspace_write"], json!({ "network_access": true }));
    assert!(!params.contains_key("permissions") && params["config"]["permissions"].is_null());
    config.confinement = Confinement::Off;
    assert_eq!(overrides(&config, place(true), &[])["sandbox"], "danger-full-access");
}

#[test]
fn nothing_asks_nothing_is_trusted_and_nothing_acts_on_its_own() {
    let params = overrides(&config(), place(false), &["mine".to_owned(), "a.b".to_owned()]);
    assert_eq!(params["approvalPolicy"], "never");
    assert_eq!(params["cwd"], "/nonexistent/tree");
    let settings = &params["config"];
    assert_eq!(
        settings["projects"],
        json!({ "/nonexistent/tree": { "trust_level": "untrusted" } })
    );
    assert_eq!(
        settings["mcp_servers"],
        json!({ "mine": { "enabled": false }, "a.b": { "enabled": false } })
    );
    assert_eq!(settings["allow_login_shell"], false);
    for feature in ["goals", "plugins", "apps", "multi_agent", "unbounded_connection_retries"] {
        assert_eq!(settings["features"][feature], false, "{feature}");
    }
    let mut config = config();
    config.mcp = true;
    assert!(
        overrides(&config, place(false), &["mine".to_owned()])["config"]["mcp_servers"].is_null()
    );
}
