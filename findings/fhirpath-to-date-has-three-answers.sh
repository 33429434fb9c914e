#!/usr/bin/env bash
# fhirpath 5.2.2, @medplum/core 5.2.13 (Node 22 or newer; run on 24), Hl7.Fhir.R4 6.8.0 (Firely, .NET SDK 10).
# Expected: toDate() of a dateTime is its date: FHIRPath, "toDate". For 2015-02-07T00:00:00.000+02:00 that is 2015-02-07.
# Seen: fhirpath gives nothing, without an error, so a view or a filter by day is empty. Medplum gives an instant in UTC,
# which begins with the day before. Firely gives a Date with an offset, 2015-02-07+02:00, which FHIR does not have. No
# two agree, and none is the date. toString().substring(0, 10) is, in all three.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export NUGET_PACKAGES="$work/packages" DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps fhirpath@5.2.2 @medplum/core@5.2.13 >/dev/null

cat >probe.mjs <<'PROBE'
import { readFileSync } from 'node:fs';
import { evalFhirPath } from '@medplum/core';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4/index.js';
const observation = JSON.parse(readFileSync('observation.json', 'utf8'));
for (const path of ['effective.toDate()', 'effective.toString().substring(0, 10)']) {
  console.log(`fhirpath ${path}: ${fhirpath.evaluate(observation, path, undefined, r4)[0] ?? '(empty)'}`);
  console.log(`Medplum ${path}: ${evalFhirPath(path, observation)[0] ?? '(empty)'}`);
}
PROBE

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
var observation = JsonSerializer.Deserialize<Observation>(File.ReadAllText("observation.json"), options)!;
foreach (var path in new[] { "effective.toDate()", "effective.toString().substring(0, 10)" })
{
    var values = observation.Select(path).Select(item => ((PrimitiveType)item).JsonValue);
    Console.WriteLine($"Firely {path}: {string.Join(", ", values.DefaultIfEmpty("(empty)"))}");
}
PROBE

cat >observation.json <<'JSON'
{ "resourceType": "Observation", "status": "final", "code": { "text": "weight" }, "effectiveDateTime": "2015-02-07T00:00:00.000+02:00" }
JSON

cat >expected <<'EXPECTED'
fhirpath effective.toDate(): (empty)
Medplum effective.toDate(): 2015-02-06T22:00:00.000Z
fhirpath effective.toString().substring(0, 10): 2015-02-07
Medplum effective.toString().substring(0, 10): 2015-02-07
Firely effective.toDate(): 2015-02-07+02:00
Firely effective.toString().substring(0, 10): 2015-02-07
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
{ node probe.mjs && dotnet out/probe.dll; } | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
