//! Starting processes that cannot outlive the tests.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command},
    sync::{
        LazyLock, Mutex,
        mpsc::{Sender, channel},
    },
    thread,
};

use nix::sys::{prctl::set_pdeathsig, signal::Signal};

type Order = (Command, Sender<io::Result<Child>>);

/// One thread starts every child and never ends: the kernel signals a child when the *thread* that made it ends, and
/// a test's thread ends long before the shared server should.
static STARTER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (sender, orders) = channel::<Order>();
    thread::spawn(move || {
        for (mut command, answer) in orders {
            let _ = answer.send(command.spawn());
        }
    });
    Mutex::new(sender)
});

/// Starts `command` so that it is killed when this test process ends, however it ends.
pub fn spawn_bound(mut command: Command) -> io::Result<Child> {
    // SAFETY: between fork and exec only the one system call prctl(2) is made, which is async-signal-safe; nothing is
    // allocated and no lock is taken.
    unsafe {
        command.pre_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from));
    }
    let (answer, started) = channel();
    STARTER.lock().unwrap().send((command, answer)).expect("the starting thread never ends");
    started.recv().expect("the starting thread answers every order")
}
