import java.util.Map;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;

/** Trains on one CSV file without a header, whose pages XGBoost keeps in a cache on the disk. */
public final class External {
  public static void main(String[] arguments) throws Exception {
    DMatrix training =
        new DMatrix(arguments[0] + "?format=csv&label_column=0#" + arguments[1]);
    System.out.println("rows " + training.rowNum());
    Map<String, Object> parameters = Map.of("objective", "binary:logistic", "max_depth", 4,
        "nthread", Runtime.getRuntime().availableProcessors());
    Booster booster = XGBoost.train(training, parameters, 10, Map.of(), null, null);
    System.out.println("rounds " + booster.getNumBoostedRound());
    Runtime.getRuntime().halt(0);
  }
}
