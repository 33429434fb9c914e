#!/usr/bin/env bash
# Hl7.Fhir.R4 6.8.0 (Firely), .NET SDK 10.
# Expected: in FHIRPath, a primitive that has an extension and no value (as masking leaves it) is an item of its collection like
# others. given[1], last() and skip(1) of two given names of which the first is masked are the second one, and
# extension(url), the shorthand for extension.where(url = …), finds the extension that says why there is no value.
# Seen: a function that is called on a collection whose first item has no value gives nothing, whatever the others are:
# [n], first(), last(), skip(), take(), extension(url). With the two names in the other order each works. count() and where()
# see all items, so a list has two items and no last one. By extension(url), the shorthand, nothing is masked, a single
# element neither. where(hasValue()).last() and extension.where(url = …) work.
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
  </PropertyGroup>
  <ItemGroup><PackageReference Include="Hl7.Fhir.R4" Version="[6.8.0]" /></ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Text.Json;
using Hl7.Fhir.FhirPath;
using Hl7.Fhir.Model;
using Hl7.Fhir.Serialization;

var options = new JsonSerializerOptions().ForFhir(ModelInfo.ModelInspector).UsingMode(DeserializationMode.Strict);
const string url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
const string masked = $$"""{"extension":[{"url":"{{url}}","valueCode":"masked"}]}""";
string[] orders = [$$"""{"given":[null,"Ann"],"_given":[{{masked}},null]}""", $$"""{"given":["Ann",null],"_given":[null,{{masked}}]}"""];
string[] paths =
[
    "name.given.count()", "name.given[0]", "name.given[1]", "name.given.last()", "name.given.skip(1)", "name.given.take(2)",
    "name.given.where(hasValue()).last()", $"name.given.extension('{url}').count()", $"name.given.extension.where(url = '{url}').count()",
    $"gender.extension('{url}').exists()", $"gender.extension.where(url = '{url}').exists()",
];
foreach (var name in orders)
{
    var json = $$"""{"resourceType":"Patient","name":[{{name}}],"_gender":{{masked}}}""";
    var patient = JsonSerializer.Deserialize<Patient>(json, options)!;
    Console.WriteLine(name.StartsWith("""{"given":[null""") ? "masked, Ann" : "Ann, masked");
    foreach (var path in paths)
    {
        var values = patient.Select(path).Select(item => ((PrimitiveType)item).JsonValue ?? "(masked)");
        Console.WriteLine($"  {path.Replace(url, "…")}: {string.Join(", ", values.DefaultIfEmpty("(nothing)"))}");
    }
}
PROBE

cat >expected <<'EXPECTED'
masked, Ann
  name.given.count(): 2
  name.given[0]: (nothing)
  name.given[1]: (nothing)
  name.given.last(): (nothing)
  name.given.skip(1): (nothing)
  name.given.take(2): (nothing)
  name.given.where(hasValue()).last(): Ann
  name.given.extension('…').count(): 0
  name.given.extension.where(url = '…').count(): 1
  gender.extension('…').exists(): False
  gender.extension.where(url = '…').exists(): True
Ann, masked
  name.given.count(): 2
  name.given[0]: Ann
  name.given[1]: (masked)
  name.given.last(): (masked)
  name.given.skip(1): (masked)
  name.given.take(2): Ann, (masked)
  name.given.where(hasValue()).last(): Ann
  name.given.extension('…').count(): 1
  name.given.extension.where(url = '…').count(): 1
  gender.extension('…').exists(): False
  gender.extension.where(url = '…').exists(): True
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
dotnet out/probe.dll | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
