package training.job;

import java.util.Arrays;

/**
 * Whether SIGTERM has come: the service sends it to stop a job, then waits 120 s (C5).
 *
 * <p>The JVM answers SIGTERM by running its shutdown hooks, each in a thread of its own, also
 * while the main thread is inside a long call of a library. The hook then waits for the main
 * thread, which finishes its work and ends the JVM itself; a hook that returns would end it in
 * mid-work, with exit code 143.
 */
public final class Stop {
  private volatile boolean received;

  /** Watches from now on. */
  public Stop() {
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> onSigterm(main), "sigterm"));
  }

  /** Returns whether it has come. */
  public boolean received() {
    return received;
  }

  /** Throws TrainingFailure if SIGTERM has come, before there is anything to save. */
  void refuse() {
    if (received) {
      throw tooEarly();
    }
  }

  /** Returns the failure of a job that is stopped before it has a model. */
  public static TrainingFailure tooEarly() {
    return new TrainingFailure(
        "Stopped by SIGTERM before the first step was done: there is no model to save.");
  }

  private void onSigterm(Thread main) {
    if (!main.isAlive()) {
      return; // No signal: the JVM ends by itself.
    }
    StackTraceElement[] stack = main.getStackTrace();
    if (Arrays.stream(stack).anyMatch(each -> each.getClassName().equals("java.lang.Shutdown"))) {
      // No signal: the model, or a library of it, called System.exit, which waits for this hook.
      Runtime.getRuntime().halt(new Outcome(JobFiles.fromEnvironment()).run(() -> {
        Exception e = new IllegalStateException("System.exit was called in mid-training");
        e.setStackTrace(stack);
        throw e;
      }));
    }
    received = true;
    Log.line("SIGTERM received: finishing this step, then saving checkpoint and model.");
    try {
      main.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
