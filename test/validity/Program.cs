using System.Text.Json;
using System.Text.RegularExpressions;
using Firely.Fhir.Validation;
using Hl7.Fhir.Model;
using Hl7.Fhir.Serialization;
using Hl7.Fhir.Specification.Source;
using Hl7.Fhir.Specification.Terminology;
using Hl7.Fhir.Utility;

// Firely's strict parser of R4, over NDJSON files.
//   validity FILE…               prints, as JSON, how many resources there are, how many are refused, and why
//   validity --invariants FILE…  asks Firely's validator, too: invariants, bindings, types of references
//   validity --valid IN OUT      copies the lines that the parser does not refuse
// A reason is a code and the path of an element: Firely's messages contain values.
var options = new JsonSerializerOptions().ForFhir(ModelInfo.ModelInspector).UsingMode(DeserializationMode.Strict);
var definitions = new Lazy<Validator>(() =>
{
  var source = new CachedResolver(ZipSource.CreateValidationSource());
  return new Validator(source, LocalTerminologyService.CreateDefaultForCore(source));
});

IReadOnlyList<string> ReasonsOf(string line, bool withInvariants)
{
  try
  {
    var resource = JsonSerializer.Deserialize<Resource>(line, options)!;
    return withInvariants ? definitions.Value.Validate(resource).Issue.Where(IsError).Select(ReasonOfIssue).Distinct().ToList() : [];
  }
  catch (DeserializationFailedException failed)
  {
    return failed.Exceptions.Select(ReasonOf).Distinct().ToList();
  }
  catch (JsonException)
  {
    return ["not JSON"];
  }
}

string ReasonOf(Exception exception)
{
  var code = exception is CodedException coded ? coded.ErrorCode : exception.GetType().Name;
  var path = Regex.Match(exception.Message, @"(?:Element '|At )([\w.\[\]]+)").Groups[1].Value;
  return $"{code} {WithoutIndexes(path)}";
}

string ReasonOfIssue(OperationOutcome.IssueComponent issue)
{
  var code = issue.Details?.Coding.FirstOrDefault()?.Code;
  var constraint = Regex.Match(issue.Details?.Text ?? "", @"constraint ([a-z]+-\w+)").Groups[1].Value;
  return $"{code} {constraint} {WithoutIndexes(issue.Expression.FirstOrDefault() ?? "")}";
}

bool IsError(OperationOutcome.IssueComponent issue) =>
  issue.Severity is OperationOutcome.IssueSeverity.Error or OperationOutcome.IssueSeverity.Fatal;

string WithoutIndexes(string path) => Regex.Replace(path, @"\[\d+\]", "");

IEnumerable<string> LinesOf(string file) => File.ReadLines(file).Where(line => line.Length > 0);

if (args is ["--valid", var input, var output])
{
  File.WriteAllLines(output, LinesOf(input).Where(line => ReasonsOf(line, false).Count == 0));
  return;
}

var files = args.Where(argument => argument != "--invariants");
var reasons = files.SelectMany(LinesOf).Select(line => ReasonsOf(line, files.Count() < args.Length)).ToList();
var counts = reasons.SelectMany(of => of).GroupBy(reason => reason).ToDictionary(group => group.Key, group => group.Count());
Console.WriteLine(JsonSerializer.Serialize(new { resources = reasons.Count, refused = reasons.Count(of => of.Count > 0), reasons = counts }));
