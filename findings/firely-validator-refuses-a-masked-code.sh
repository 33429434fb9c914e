#!/usr/bin/env bash
# Firely.Fhir.Validation.R4 3.6.0 with Hl7.Fhir.Specification.Data.R4 6.8.0, .NET SDK 10.
# Expected: a primitive may have an extension in place of its value (FHIR R4, "Extensibility"), so a required code whose value
# is masked, _status with a data-absent-reason, is valid. Firely's own strict parser takes it.
# Seen: its validator refuses it where the code has a required binding: "No code found in code with a required binding". So a
# masked Observation.status or Patient.gender is an error, and a masked Encounter.class, text, date or reference is none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export NUGET_PACKAGES="$work/packages" DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

cat >probe.csproj <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <NoWarn>SDK0001;CS0618</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Firely.Fhir.Validation.R4" Version="[3.6.0]" />
    <PackageReference Include="Hl7.Fhir.Specification.Data.R4" Version="[6.8.0]" />
  </ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Text.Json;
using Firely.Fhir.Validation;
using Hl7.Fhir.Model;
using Hl7.Fhir.Serialization;
using Hl7.Fhir.Specification.Source;
using Hl7.Fhir.Specification.Terminology;

var options = new JsonSerializerOptions().ForFhir(ModelInfo.ModelInspector).UsingMode(DeserializationMode.Strict);
var definitions = new CachedResolver(ZipSource.CreateValidationSource());
var validator = new Validator(definitions, new LocalTerminologyService(definitions));
const string masked = """{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}""";
(string Name, string Json)[] resources =
[
    ("Observation.status", $$$"""{"resourceType":"Observation","_status":{{{masked}}},"code":{"text":"weight"}}"""),
    ("Patient.gender", $$$"""{"resourceType":"Patient","_gender":{{{masked}}}}"""),
    ("Patient.birthDate", $$$"""{"resourceType":"Patient","_birthDate":{{{masked}}}}"""),
    ("Observation.value", $$$"""{"resourceType":"Observation","status":"final","code":{"text":"weight"},"_valueString":{{{masked}}}}"""),
    ("Encounter.class", $$$"""{"resourceType":"Encounter","status":"finished","class":{{{masked}}}}"""),
    ("Observation.subject", $$$"""{"resourceType":"Observation","status":"final","code":{"text":"weight"},"subject":{{{masked}}}}"""),
];
foreach (var (name, json) in resources)
{
    var outcome = validator.Validate(JsonSerializer.Deserialize<Resource>(json, options)!);
    var words = outcome.Issue.Select(issue => issue.Details.Text.Split(" to valueset")[0]);
    Console.WriteLine($"{name} masked: parsed, {(outcome.Success ? "valid" : $"refused: {string.Join("; ", words)}")}");
}
PROBE

cat >expected <<'EXPECTED'
Observation.status masked: parsed, refused: No code found in code with a required binding
Patient.gender masked: parsed, refused: No code found in code with a required binding
Patient.birthDate masked: parsed, valid
Observation.value masked: parsed, valid
Encounter.class masked: parsed, valid
Observation.subject masked: parsed, valid
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
dotnet out/probe.dll | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
