//! Namespaces for one test: it starts itself again in fresh ones (network, mounts, processes). When it ends, the kernel takes all of it
//! away, with every process in it. The tests of this crate and of the agent use it.

use std::{
    env, fs,
    future::Future,
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
};

const INSIDE: &str = "HEARTH_TEST_HOUSE";

/// Runs `body` in a house; `test` is the test's own path, by which it finds itself.
pub fn in_a_house<F: Future<Output = ()>>(test: &str, body: impl FnOnce() -> F) {
    if env::var_os(INSIDE).is_some() {
        sh("mount -t tmpfs tmpfs /run && mkdir -p /run/netns && ip link set lo up");
        return tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
            .block_on(body());
    }
    let mut command = Command::new("unshare");
    // Who isn't root becomes it inside a user namespace.
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    let output = command
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "timeout", "120"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .env("PATH", format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default()))
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

pub fn sh(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}
