package training.job;

/** What the user can mend, in one sentence: it ends the job without a stack trace. */
public final class TrainingFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int exitCode;
  private final boolean ofEveryHost;

  /** Makes the failure of a training: exit code 1. */
  public TrainingFailure(String sentence) {
    this(sentence, 1, false);
  }

  private TrainingFailure(String sentence, int exitCode, boolean ofEveryHost) {
    super(sentence);
    this.exitCode = exitCode;
    this.ofEveryHost = ofEveryHost;
  }

  /** Returns the failure for words on the command line that mean nothing here: exit code 2. */
  static TrainingFailure ofUsage(String sentence) {
    return new TrainingFailure(sentence, 2, false);
  }

  /** Returns a failure that every host finds by itself: no other need be told. */
  static TrainingFailure ofEveryHost(String sentence) {
    return new TrainingFailure(sentence, 1, true);
  }

  int exitCode() {
    return exitCode;
  }

  boolean isOfEveryHost() {
    return ofEveryHost;
  }
}
