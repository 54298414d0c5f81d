package training.job;

/** What the user can mend, in one sentence: it ends the job without a stack trace. */
public final class TrainingFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int exitCode;

  /** Makes the failure of a training: exit code 1. */
  public TrainingFailure(String sentence) {
    this(sentence, 1);
  }

  private TrainingFailure(String sentence, int exitCode) {
    super(sentence);
    this.exitCode = exitCode;
  }

  /** Returns the failure for words on the command line that mean nothing here: exit code 2. */
  static TrainingFailure ofUsage(String sentence) {
    return new TrainingFailure(sentence, 2);
  }

  int exitCode() {
    return exitCode;
  }
}
