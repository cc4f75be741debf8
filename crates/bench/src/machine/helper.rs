use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a process is told. It is to end when this is dropped.
pub(crate) type HelperInput = ChildStdin;

/// What a process says. Dropping it waits for the process's end.
#[derive(Debug)]
pub(crate) struct HelperOutput {
    output: BufReader<ChildStdout>,
    process: Child,
}

/// Starts a process that is told what to do by its standard input.
pub(crate) fn spawn_helper(
    program: &Path,
    arguments: &[String],
) -> io::Result<(HelperInput, HelperOutput)> {
    let mut process = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    match (process.stdin.take(), process.stdout.take()) {
        (Some(input), Some(output)) => {
            let output = BufReader::new(output);
            Ok((input, HelperOutput { output, process }))
        }
        _ => unreachable!("both were asked for"),
    }
}

impl Read for HelperOutput {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.output.read(bytes)
    }
}

impl BufRead for HelperOutput {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.output.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        self.output.consume(len);
    }
}

impl Drop for HelperOutput {
    fn drop(&mut self) {
        // Else it would stay in the table of processes as long as this one.
        let _ = self.process.wait();
    }
}
