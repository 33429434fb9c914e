#!/usr/bin/env bash
# Hl7.Fhir.R4 6.8.0 (Firely), .NET SDK 10.
# Expected: in FHIRPath, a boolean that has an extension and no value (_deceasedBoolean with a data-absent-reason, as masking
# leaves it) is neither true nor false: a condition made of it is not met, as "deceased = true" is not.
# Seen: as a condition by itself it is true, in iif(), where(), all() and "and": a patient of whom it is masked whether they
# are dead is dead, and one of whom "active" is masked is active. "deceased = true" and not() are empty.
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
const string masked = """{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}""";
var json = $$"""{"resourceType":"Patient","_active":{{masked}},"_deceasedBoolean":{{masked}}}""";
var patient = JsonSerializer.Deserialize<Patient>(json, options)!;
string[] paths =
[
    "iif(deceased, 'dead', 'alive')", "deceased and true", "where(active).count()", "all(active)",
    "deceased = true", "deceased.not()", "where(active = true).count()",
];
foreach (var path in paths)
{
    var values = patient.Select(path).Select(item => ((PrimitiveType)item).JsonValue);
    Console.WriteLine($"{path}: {string.Join(", ", values.DefaultIfEmpty("(empty)"))}");
}
PROBE

cat >expected <<'EXPECTED'
iif(deceased, 'dead', 'alive'): dead
deceased and true: True
where(active).count(): 1
all(active): True
deceased = true: (empty)
deceased.not(): (empty)
where(active = true).count(): 0
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
dotnet out/probe.dll | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
