package training.job;

import java.lang.invoke.LambdaMetafactory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Whether SIGTERM has come: the service sends it to stop a job, then waits 120 s (C5).
 *
 * <p>A handler of its own, since a shutdown hook would run beside those of the libraries that the
 * model needs to finish. The JVM calls it in a thread, also in the midst of a long step.
 */
public final class Stop {
  private volatile boolean received;
  private volatile boolean told;

  private Stop() {}

  /** Takes the signal from now on, by sun.misc.Signal, of which javac's warning can't be hidden. */
  public static Stop onSigterm() {
    Stop stop = new Stop();
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      signal.getMethod("handle", signal, handler).invoke(
          null, signal.getConstructor(String.class).newInstance("TERM"), stop.as(handler, signal));
    } catch (Throwable e) {
      throw new IllegalStateException("This JVM takes no signals", e);
    }
    return stop;
  }

  /** Returns what javac would make of {@code signal -> receive(signal)}: a Proxy takes 20 ms. */
  private Object as(Class<?> handler, Class<?> signal) throws Throwable {
    MethodHandles.Lookup here = MethodHandles.lookup();
    MethodType handle = MethodType.methodType(void.class, signal);
    MethodType receive = MethodType.methodType(void.class, Object.class);
    return LambdaMetafactory.metafactory(
        here, "handle", MethodType.methodType(handler, Stop.class), handle,
        here.findVirtual(Stop.class, "receive", receive), handle).getTarget().invoke(this);
  }

  /** Returns whether it has come. */
  public boolean received() {
    return received;
  }

  /** Returns whether it has come, to a model that then does less than it was to do. */
  public boolean ask() {
    told |= received;
    return received;
  }

  /** Returns whether a model asked, and was told that it has come. */
  public boolean told() {
    return told;
  }

  /** Throws TrainingFailure if it has come, before there is anything to save. */
  void refuse() {
    if (received) {
      throw tooEarly();
    }
  }

  /** Returns the failure of a job that is stopped before it has a model. */
  public static TrainingFailure tooEarly() {
    return TrainingFailure.ofEveryHost(
        "Stopped by SIGTERM before the first step was done: there is no model to save.");
  }

  private synchronized void receive(Object signal) {
    if (!received) {
      received = true;
      Log.line("SIGTERM received: finishing this step, then saving checkpoint and model.");
    }
  }
}
